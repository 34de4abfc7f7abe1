"""docs/ingesting.md: its commands run on such sources as they name, its tables agree with the code."""

import io
import json
import re
import shlex
import tarfile
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.ingest.images.sources.columns import COLUMN_NAMES
from attribase.store import Store
from click.testing import CliRunner
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ingesting.md").read_text(encoding="utf-8")


def picture(seed):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, data):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data if isinstance(data, bytes) else data.encode())


def write_tar(path, files):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def _sources(tmp_path, monkeypatch):
    """One source of each kind under the name that the page gives it."""
    monkeypatch.chdir(tmp_path)
    write("photos/frog.png", picture(1))
    write("photos/notes.md", "no picture")
    write("with-metadata/a.png", picture(2))
    row = {"file_name": "a.png", "text": "a green frog", "artist": "Ann"}
    write("with-metadata/metadata.jsonl", json.dumps(row))
    pq.write_table(pa.table({"image": [{"bytes": picture(3), "path": "a.png"}]}), "rows.parquet")
    for part in (4, 5):
        Path("parts").mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": [picture(part)]}), f"parts/{part}.parquet")
    lance.write_dataset(pa.table({"image": [picture(6)]}), "photos.lance")
    write("by-path/7.png", picture(7))
    write("paths.csv", "path,creator\nby-path/7.png,Bob\n")
    write("lines.jsonl", json.dumps({"url": "https://example.org/8.png"}))
    write("train2017/9.png", picture(9))
    document = {"images": [{"id": 1, "file_name": "9.png"}], "annotations": [{"image_id": 1, "caption": "c"}]}
    write("annotations/captions_train2017.json", json.dumps(document))
    pq.write_table(pa.table({"painting": [picture(10)], "by": ["Cy"]}), "odd.parquet")
    write_tar("shards/00000.tar", {"0.png": picture(11), "0.json": b'{"url": "https://e.x", "key": "0"}'})
    downloads = {
        "key": ["0", "1"],
        "status": ["success", "failed_to_download"],
        "error_message": [None, "404"],
    }
    pq.write_table(pa.table(downloads), "shards/00000.parquet")


@pytest.mark.usefixtures("_sources")
def test_every_command_of_the_page_runs_and_brings_what_it_says(tmp_path):
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    for words in map(shlex.split, lines):
        assert words[0] == "attribase"
        done = CliRunner().invoke(cli, words[1:], catch_exceptions=False)
        assert done.exit_code == 0, (words, done.output)
    store = Store.open("my.store")
    rows = {row["uri"]: row for row in store.read("images").to_pylist()}
    assert len(rows) == 11
    assert rows[f"{tmp_path}/with-metadata/a.png"]["creator"] == "Ann"
    assert rows[f"{tmp_path}/by-path/7.png"]["creator"] == "Bob"
    assert rows["odd.parquet#0"]["creator"] == "Cy"
    assert rows["https://example.org/8.png"]["width"] is None
    failures = {row["item"]: row["reason"] for row in store.read("failures", ["item", "reason"]).to_pylist()}
    assert failures == {"notes.md": "not-an-image", "shards/00000.parquet#1": "download-failed"}


@pytest.mark.usefixtures("_sources")
def test_the_python_of_the_page_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "docs/ingesting.md", "exec"), {})
    assert Store.open("python.store").count("images") == 1


def test_the_table_of_columns_is_the_one_of_the_code():
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    listed = {
        row[0].strip().strip("`"): tuple(re.findall(r"`(\w+)`", row[1])) for row in rows if len(row) == 2
    }
    assert {part: listed[part] for part in COLUMN_NAMES} == dict(COLUMN_NAMES)


def test_the_table_of_reasons_has_every_reason_of_the_code():
    reasons = set()
    for path in [*(ROOT / "ingest" / "images").glob("*.py"), ROOT / "runtime" / "decode.py"]:
        text = path.read_text(encoding="utf-8")
        reasons |= set(re.findall(r'Unreadable\(\s*"([\w-]+)"', text)) | set(
            re.findall(r'reason="([\w-]+)"', text)
        )
    listed = {
        row.split("`")[1]
        for row in PAGE.splitlines()
        if re.match(r"\| `[a-z0-9-]+` \| [^|]+ \| [^|]+ \|$", row)
    }
    assert reasons <= listed
    assert len(listed) >= 12
