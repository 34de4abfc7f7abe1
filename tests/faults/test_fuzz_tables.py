"""Tables of any columns and types: no traceback, and all that is said of an image comes from its row."""

import base64
import csv
import io
import json
import re
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ingest_images, open_source
from attribase.store import AttribaseError, Store, content_id
from attribase.store.lookup import quote
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from .conftest import cases

pytestmark = pytest.mark.slow
ROWS = 4
NAMES = (
    *(
        "image",
        "img",
        "bytes",
        "data",
        "jpg",
        "URL",
        "url",
        "uri",
        "path",
        "file_name",
        "TEXT",
        "caption",
        "prompt",
    ),
    *(
        "label",
        "category",
        "artist",
        "creator",
        "LICENSE",
        "license",
        "width",
        "metadata",
        "key",
        "é",
        "a b",
        "",
        "0",
    ),
)
MARK = re.compile(r"\br(\d+)\b")
numbers = count()


def picture(row: int) -> bytes:
    """Of its row alone."""
    out = io.BytesIO()
    Image.new("RGB", (3, 2), (row, 7, 250 - row)).save(out, "PNG")
    return out.getvalue()


PICTURES = [picture(row) for row in range(ROWS)]
IDS = {content_id(data): row for row, data in enumerate(PICTURES)}


def _text(row: int) -> str:
    return f"r{row} " + 'é, "x"'


KINDS = {
    "picture": lambda row: PICTURES[row],
    "struct": lambda row: {"bytes": PICTURES[row], "path": f"r{row} p.png"},
    "path alone": lambda row: {"bytes": None, "path": f"missing-r{row} p.png"},
    "base64": lambda row: base64.b64encode(PICTURES[row]).decode(),
    "list of pictures": lambda row: [PICTURES[row]],
    "text": _text,
    "texts": lambda row: [_text(row), _text(row)],
    "address": lambda row: f"https://example.org/r{row} .png",
    "bytes of none": lambda row: b"no picture of r%d " % row,
    "number": lambda row: row,
    "real": lambda row: row / 7 if row else float("nan"),
    "flag": lambda row: row % 2 == 0,
    "nested": lambda row: {"a": [{"b": _text(row)}]},
    "map": lambda row: {_text(row): row},
    "nothing": lambda _: None,
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list]:
    """By name of a column, its values in rows 0 to 3; some are missing."""
    names = draw(
        st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), min_size=1, max_size=6, unique=True)
    )
    columns = {}
    for name in names:
        make = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        holes = draw(st.sets(st.integers(0, ROWS - 1), max_size=2))
        clean = name.encode("utf-8", "replace").decode()
        columns[clean] = [None if row in holes else make(row) for row in range(ROWS)]
    return columns


def write(columns: dict[str, list], kind: str, path) -> bool:
    """Write them as a file; whether that format can hold them."""
    if kind == "parquet":
        try:
            pq.write_table(pa.table(columns), path, row_group_size=1 + len(columns) % ROWS)
        except (pa.ArrowException, TypeError, ValueError):
            return False
        return True
    rows = [{name: values[row] for name, values in columns.items()} for row in range(ROWS)]
    try:
        lines = [json.dumps(row) for row in rows]
    except TypeError:
        return False
    if kind == "jsonl":
        path.write_text("\n".join(lines))
        return True
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    return True


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store.create(tmp_path_factory.mktemp("tables") / "store")


def ingest(store, path, collection):
    """The error that it ends with, or None."""
    try:
        list(ingest_images(store, open_source(str(path)), collection))
    except AttribaseError as error:
        return error
    return None


@cases(short=40, long=1_000)
@given(columns=tables(), kind=st.sampled_from(("parquet", "parquet", "jsonl", "csv")))
def test_all_that_is_said_of_an_image_comes_from_its_row(store, tmp_path_factory, columns, kind):
    number = next(numbers)
    path = tmp_path_factory.getbasetemp() / f"table-{number}.{kind}"
    if not write(columns, kind, path):
        return
    store.dataset("images").delete("true")
    refused = ingest(store, path, f"c{number}")
    assert refused is None or refused.hint, refused
    if refused:
        return
    ids = store.read("members", ["image_id"], f"collection = {quote(f'c{number}')}")["image_id"].to_pylist()
    rows = {row["image_id"]: row for row in store.read("images").to_pylist()}
    for image in ids:
        said = " ".join(str(value) for name, value in rows[image].items() if name != "image_id")
        marks = {int(found) for found in MARK.findall(said)}
        assert len(marks) <= 1, rows[image]
        if image in IDS and marks:
            assert marks == {IDS[image]}, rows[image]
    stored = dict(store.blobs("images", "bytes", ids))
    assert all(content_id(data) == image for image, data in stored.items() if data is not None)
