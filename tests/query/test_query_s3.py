"""Commands on a store in a bucket print and write what they do on the same store in a folder."""

import json
from pathlib import Path

import pytest
from attribase.cli import cli
from attribase.store import Store
from attribase.store.files import RemoteFiles
from click.testing import CliRunner

from ..s3_server import Fault

QUESTIONS = {
    "sql": ("query", "sql", "select split, count(*) n from models group by all order by all"),
    "lateral": (
        "query",
        "sql",
        "select s.sample_id, a.* from (select sample_id from samples order by 1 limit 2) s, "
        "attribute(s.sample_id, k := 3) a order by all",
    ),
    "eval": ("query", "eval", "--format", "csv"),
    "metrics": ("query", "sql", "from metrics order by all", "--format", "csv"),
    "ranks": ("query", "sql", "select sample_id, image_id, rank from ranks order by all", "--format", "csv"),
    "index": ("index", "--min-rows", "10", "--format", "json"),
    "check": ("check", "--no-bytes"),
    "tag": ("tag", "before"),
    "at": ("query", "sql", "select count(*) from images", "--at", "before"),
    "remove": ("ingest", "remove", "--where", "image_id = 'g003'", "--models", "--yes"),
    "left": ("query", "sql", "select count(*) from images"),
}


def run(uri, *arguments):
    result = CliRunner().invoke(cli, ["-s", str(uri), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def upload(folder, uri):
    files = RemoteFiles(uri)
    for path in Path(folder).rglob("*"):
        if path.is_file():
            files.write(path.relative_to(folder).as_posix(), path.read_bytes())


def test_commands_answer_the_same_from_a_bucket(small, s3_uri):
    upload(small.store.uri, s3_uri)
    for name, arguments in QUESTIONS.items():
        local, remote = run(small.store.uri, *arguments), run(s3_uri, *arguments)
        if name == "index":  # it prints times and measured milliseconds too
            keep = ("encoder", "mapper", "kind", "rows", "partitions")
            local, remote = (
                [{key: row.get(key) for key in keep} for row in json.loads(text)] for text in (local, remote)
            )
        assert remote == local, name


def test_an_answer_is_the_same_beside_failing_requests(small, s3, s3_uri):
    upload(small.store.uri, s3_uri)
    sample = small.store.read("samples", ["sample_id"])["sample_id"].to_pylist()[0]
    question = ("query", "attribute", sample, "-k", "5", "--format", "json")
    local = json.loads(run(small.store.uri, *question))
    s3.disturb(
        Fault("slow", "GET", r"vectors_\w+\.lance/data", times=2),
        Fault("dropped", "GET", r"_versions", times=2),
        Fault("late", "GET", r"images\.lance", times=3, seconds=0.3),
    )
    remote = json.loads(run(s3_uri, *question))
    assert s3.left() == 0
    assert remote["results"] == local["results"]


@pytest.mark.parametrize("command", [("demo",), ("query", "report"), ("query", "export"), ("study", "run")])
def test_pages_and_files_are_written_to_a_folder_only(small, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["-s", small.store.uri, *command, "s3://bucket/out"])
    assert result.exit_code == 2
    assert "s3://bucket/out is no folder of this machine" in result.stderr
    assert list(tmp_path.glob("s3*")) == []
    assert Store.open(small.store.uri)
