"""`metadata.jsonl`, `.csv` and `.parquet` beside images."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ImageRecord, open_source
from attribase.store import InvalidInputError

from ..stored import images_of, ingest, read_all, reasons


@pytest.fixture
def folder(tmp_path, make_picture):
    for name in ("photos/a.png", "photos/sub/b.png", "photos/sub/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(make_picture(sum(name.encode())))
    return tmp_path / "photos"


ROWS = [
    {"file_name": "a.png", "text": "first", "artist": "Ann", "license": "cc0", "year": 1999},
    {"file_name": "sub/b.png", "text": "second", "artist": "Bob", "license": None, "year": 2001},
]


def write(folder, kind):
    if kind == "jsonl":
        (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    elif kind == "csv":
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
        (folder / "metadata.csv").write_text("\n".join([",".join(ROWS[0]), *lines]), encoding="utf-16")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), folder / "metadata.parquet")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_metadata_reaches_the_images_that_it_names(folder, kind):
    write(folder, kind)
    read = read_all(folder)
    first, second, third = (read[name] for name in ("a.png", "sub/b.png", "sub/c.png"))
    assert (first.caption, first.creator, first.license) == ("first", "Ann", "cc0")
    assert (second.caption, second.creator, second.license) == ("second", "Bob", None)
    assert (third.caption, third.creator) == (None, None)
    year = "1999" if kind == "csv" else 1999
    assert first.metadata == {"year": year}
    assert reasons(read) == {}


def test_the_nearest_table_counts_and_a_text_file_counts_more(folder):
    write(folder, "jsonl")
    (folder / "sub" / "Metadata.CSV").write_text("file_name,text\nb.png,nearer\n")
    (folder / "a.txt").write_text("by itself")
    read = read_all(folder)
    assert read["sub/b.png"].caption == "nearer"
    assert (read["a.png"].caption, read["a.png"].creator) == ("by itself", "Ann")


def test_rows_of_images_that_are_not_there_and_broken_rows_are_failures(folder):
    lines = [
        '{"file_name": "gone.png", "text": "x"}',
        "{broken",
        '{"text": "nameless"}',
        '{"file_name": "a.png"}',
    ]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    assert reasons(read_all(folder)) == {
        "metadata.jsonl#0": "missing-file",
        "metadata.jsonl#1": "bad-row",
        "metadata.jsonl#2": "bad-row",
    }


def test_a_table_without_file_names_is_one_failure_and_images_go_in(folder):
    (folder / "metadata.csv").write_text("title,artist\nx,Ann\n")
    read = read_all(folder)
    assert reasons(read) == {"metadata.csv": "bad-metadata"}
    assert isinstance(read["a.png"], ImageRecord)


def test_given_columns_are_taken_from_the_metadata(folder):
    (folder / "metadata.csv").write_text("file_name,by,about\na.png,Ann,a frog\n")
    record = read_all(folder, {"creator": "by", "caption": "about"})["a.png"]
    assert (record.creator, record.caption, record.metadata) == ("Ann", "a frog", {})


def test_changed_metadata_is_ingested_again(store, folder):
    ingest(store, folder)
    before = open_source(str(folder)).describe()
    write(folder, "jsonl")
    assert open_source(str(folder)).describe() != before
    ingest(store, folder)
    assert set(images_of(store)) == {"a.png", "b.png", "c.png"}


def test_a_given_column_that_no_metadata_have_is_refused(folder):
    with pytest.raises(InvalidInputError, match="have no column 'artist' for creator") as error:
        read_all(folder, {"creator": "artist"})
    assert error.value.hint == "there is no metadata.jsonl or .csv"
    (folder / "metadata.csv").write_text("file_name,by\na.png,Ann\n")
    with pytest.raises(InvalidInputError, match="have no column 'artist' for creator") as error:
        read_all(folder, {"creator": "artist"})
    assert error.value.hint == "the columns are file_name, by"


def test_coco_annotations_beside_images_describe_them(folder):
    document = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": [{"image_id": 7, "caption": "c"}]}
    (folder / "_annotations.coco.json").write_text(json.dumps(document))
    assert read_all(folder)["a.png"].caption == "c"


def test_a_parquet_that_is_none_is_refused_by_itself(folder):
    (folder / "metadata.parquet").write_bytes(b"x")
    assert reasons(read_all(folder)) == {"metadata.parquet": "bad-metadata"}
    with pytest.raises(InvalidInputError):
        open_source(str(folder / "metadata.parquet"))
