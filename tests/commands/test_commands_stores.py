"""Every command on a store that is empty, missing, or no store: what failed and what to do, no traceback."""

import json
import re

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.packs import create_key
from attribase.store import Store
from click.testing import CliRunner
from PIL import Image


def leaves(command, path=()):
    """(path, command) of every command that is no group."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, child in command.commands.items():
        yield from leaves(child, (*path, name))


def has_option(command, name):
    """Whether the command takes the option."""
    return any(one.name == name for one in command.params)


WITHOUT_STORE = {"bench", "completion", "demo", "keygen", "plan-cost"}

COMMANDS = {" ".join(path): command for path, command in leaves(cli)}


@pytest.fixture
def arguments(tmp_path):
    """What each command needs beside the store, with real files."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "photos" / "red.png")
    (tmp_path / "plan.jsonl").write_text('{"concept": "cat"}\n')
    pq.write_table(pa.table({"id": ["a"], "vector": [[1.0, 0.0]]}), tmp_path / "features.parquet")
    create_key(tmp_path / "office.pem")
    picture, plan = str(tmp_path / "photos" / "red.png"), ["--plan", str(tmp_path / "plan.jsonl")]
    return {
        "demo": [str(tmp_path / "demo")],
        "ingest customize": ["--base", "world", *plan],
        "ingest images": [str(tmp_path / "photos"), "--collection", "gallery"],
        "ingest plan": ["--kind", "object", str(tmp_path / "new.jsonl")],
        "ingest release": [str(tmp_path / "photos")],
        "ingest sample": ["--base", "world", *plan],
        "query attribute": [picture],
        "ingest vectors": [str(tmp_path / "features.parquet"), "--encoder", "mine"],
        "query evidence": [picture, "-o", str(tmp_path / "a.pack"), "--key", str(tmp_path / "office.pem")],
        "query report": [str(tmp_path / "report")],
        "query retrieval": ["--label", "creator"],
        "query similar": ["--text", "red"],
        "query sql": ["from images"],
        "rights set": ["--where", "image_id = 'a'", "--reservation", "tdm", "--by", "me"],
        "study report": [str(tmp_path)],
        "study run": [str(tmp_path / "study")],
        "tag": ["before"],
        "verify": [str(tmp_path / "photos")],
        "train export": ["paper", "-o", str(tmp_path / "paper.onnx")],
    }


def invoke(name, store, arguments):
    return CliRunner().invoke(cli, ["-s", str(store), *name.split(), *arguments.get(name, [])])


def check_error(result):
    """Exit 1 with the lines `error: ...` and `next: ...` at the end, or wrong usage."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.stderr
    if result.exit_code != 2:
        assert result.exit_code == 1
        lines = result.stderr.splitlines()
        assert [line[:7] for line in lines[-2:]] == ["error: ", "next:  "]
        assert min(map(len, lines[-2:])) > 12


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_STORE - {"init", "ingest images"}))
def test_a_store_that_is_missing_is_an_error(name, tmp_path, arguments):
    result = invoke(name, tmp_path / "no.store", arguments)
    check_error(result)
    assert not (tmp_path / "no.store").exists()


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_STORE))
def test_a_file_is_no_store(name, tmp_path, arguments):
    (tmp_path / "file").write_text("x")
    result = invoke(name, tmp_path / "file", arguments)
    check_error(result)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_STORE - {"query serve", "query report"}))
def test_an_empty_store_is_answered_or_an_error(name, tmp_path, arguments):
    result = invoke(name, Store.create(tmp_path / "empty.store").uri, arguments)
    if result.exit_code:
        check_error(result)
    else:
        assert result.exception is None


ASKS_ENCODER = {name for name, one in COMMANDS.items() if has_option(one, "encoder")}


@pytest.mark.parametrize("name", sorted(ASKS_ENCODER - {"ingest vectors"}))  # which names a new one
def test_an_unknown_encoder_is_an_error_that_names_it(name, fake, arguments):
    fake.images(["a", "b"], "gallery")
    fake.model("m", ["a"])
    result = invoke(name, fake.store.uri, {name: [*arguments.get(name, []), "--encoder", "nosuch"]})
    check_error(result)
    assert result.exit_code == 1
    assert "nosuch" in result.stderr


def test_compact_says_what_it_frees_and_when_before_it_does(tmp_path):
    uri = str(tmp_path / "a.store")
    store = Store.create(uri)
    for n in range(4):
        store.upsert("images", [{"image_id": "a", "bytes": bytes([n]) * 100_000}], update=True)
    run = CliRunner()
    versions = store.versions()
    said = run.invoke(cli, ["-s", uri, "compact", "--dry-run"]).stderr
    assert "freed now: 0 B, of old versions" in said
    assert re.search(r"freed by a later compact: \d+ KB of versions younger than 24 hours, from \d{4}-", said)
    assert "compacted" not in said
    assert store.versions() == versions
    done = run.invoke(cli, ["-s", uri, "compact", "--keep", "0"]).stderr
    (freed,) = re.findall(r"freed now: (\d+) KB, of old versions", done)
    ((before, after),) = re.findall(r"compacted: (\d+) KB before, (\d+) KB now", done)
    assert int(freed) > 300
    assert int(after) == pytest.approx(int(before) - int(freed), abs=2)


def test_info_has_units_for_people_and_numbers_for_programs(tmp_path):
    uri = str(tmp_path / "a.store")
    Store.create(uri).upsert("images", [{"image_id": "a", "bytes": b"x" * 2_000_000}])
    table = CliRunner().invoke(cli, ["-s", uri, "info"])
    (line,) = (line for line in table.stdout.splitlines() if line.strip().startswith("images "))
    assert "MB" in line
    assert "on disk" in table.stderr
    rows = json.loads(CliRunner().invoke(cli, ["-s", uri, "info", "--format", "json"]).stdout)
    (images,) = (row for row in rows if row["table"] == "images")
    assert images["bytes"] > 2_000_000
