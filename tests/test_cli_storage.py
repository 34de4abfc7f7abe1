"""Stores that are damaged, cannot be written or reached: every command ends with one line of error."""

import errno
import json
import shutil
from pathlib import Path

import pytest
from attribase.cli import cli
from attribase.store import Store, layout
from attribase.store import upsert as upsert_module
from click.testing import CliRunner

from .store.gallery import fill

READING = {
    "info": ("info",),
    "attribute": ("query", "attribute", "sample", "--encoder", "e"),
    "sql": ("query", "sql", "select count(creator) from images"),
    "eval": ("query", "eval"),
    "remove": ("ingest", "remove", "--where", "creator = 'x'", "--dry-run"),
    "tags": ("tags",),
    "compact": ("compact",),
}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    return fill(Store.create(tmp_path_factory.mktemp("storage") / "store"))


@pytest.fixture
def store(made_once, tmp_path):
    shutil.copytree(made_once.uri, tmp_path / "copy")
    return Store.open(tmp_path / "copy")


def run(uri, *arguments):
    return CliRunner().invoke(cli, ["-s", str(uri), *map(str, arguments)])


def only_error(result):
    """The line of error; what was raised inside of the command is no part of what people see."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = [line for line in result.stderr.splitlines() if line.startswith(("error:", "next:"))]
    assert [line.partition(":")[0] for line in lines] == ["error", "next"]
    return lines[0]


@pytest.mark.parametrize("command", ["attribute", "sql", "remove"])
@pytest.mark.parametrize("harm", ["lost", "cut"])
def test_a_damaged_data_file_is_one_line_that_names_table_and_check(store, command, harm):
    for path in Path(store.layout.table("images"), "data").iterdir():
        path.unlink() if harm == "lost" else path.write_bytes(path.read_bytes()[:-60])
    result = run(store.uri, *READING[command])
    line = only_error(result)
    assert "images is damaged: images.lance/data/" in line
    assert "attribase check" in result.stderr


@pytest.mark.parametrize("command", ["info", "attribute", "sql", "eval", "compact"])
def test_a_manifest_of_nothing_is_one_line_in_every_command(store, command):
    for path in Path(store.layout.table("members"), "_versions").glob("*.manifest"):
        path.write_bytes(b"")
    assert "members is damaged" in only_error(run(store.uri, *READING[command]))


def test_check_prints_a_row_for_each_damaged_file(store):
    (path,) = Path(store.layout.table("vectors_e"), "data").iterdir()
    path.unlink()
    result = run(store.uri, "check", "--format", "json")
    assert result.exit_code == 1
    rows = [row for row in json.loads(result.stdout) if row["check"] == "damaged-file"]
    (row,) = rows
    assert row["table"] == "vectors_e"
    assert row["examples"] == [f"vectors_e.lance/data/{path.name}"]
    assert "ingest embed" in row["hint"]


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EROFS, "Read-only file system"), (errno.EACCES, "Permission"), (errno.ENOSPC, "no space")],
)
def test_a_store_that_cannot_be_written_is_one_line(store, monkeypatch, number, said):
    """As Lance says it: an OSError with the number in its text."""

    def fail(*_, **__):
        raise OSError(f"LanceError(IO): Generic LocalFileSystem error: it failed (os error {number})")

    monkeypatch.setattr(upsert_module, "write_fragments", fail)
    line = only_error(run(store.uri, "ingest", "remove", "--where", "uri = '/photos/3.png'", "--yes"))
    assert said in line


def test_a_folder_in_which_no_store_can_be_made_is_one_line(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr(layout.tempfile, "mkstemp", fail)
    assert "no space is left" in only_error(run(tmp_path / "s", "init"))


def test_a_store_opens_read_only(store, monkeypatch):
    Path(store.uri, "store.json").write_text(json.dumps({"attribase": {"format": 1}}))

    def fail(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(layout.tempfile, "mkstemp", fail)
    for command in ("info", "sql", "attribute", "tags"):
        assert run(store.uri, *READING[command]).exit_code == 0


@pytest.mark.parametrize("command", ["info", "sql", "remove"])
def test_an_unreachable_object_store_is_one_line(monkeypatch, command):
    settings = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    line = only_error(run("s3://nothing-here/x", *READING[command]))
    assert "s3://nothing-here/x cannot be reached" in line
