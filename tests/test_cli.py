"""The command line: what it prints where, and which exit each ending has."""

import json
import subprocess
import sys
from importlib import metadata

import pytest
from attribase import __version__
from attribase.cli import cli
from attribase.store import Store
from click.testing import CliRunner
from PIL import Image


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")


def run(*args, **options):
    return CliRunner().invoke(cli, [str(arg) for arg in args], **options)


def test_without_a_store_the_error_says_how_to_name_one():
    result = run("info", env={"ATTRIBASE_STORE": ""})
    assert result.exit_code == 1
    assert "no store was named" in result.stderr
    assert "--store" in result.stderr
    assert result.stdout == ""


def test_a_missing_store_is_exit_1_and_names_init(tmp_path):
    result = run("-s", tmp_path / "nothing", "info")
    assert result.exit_code == 1
    assert "init" in result.stderr


def test_wrong_usage_is_exit_2(store):
    assert run("-s", store.uri, "ingest", "images").exit_code == 2
    assert run("-s", store.uri, "query", "sql", "select 1", "--param", "nonsense").exit_code == 2


def test_init_twice_keeps_what_is_there(tmp_path):
    assert run("-s", tmp_path / "s", "init").exit_code == 0
    Store.open(tmp_path / "s").upsert("members", [{"collection": "c", "image_id": "i"}])
    assert run("-s", tmp_path / "s", "init").exit_code == 0
    assert Store.open(tmp_path / "s").count("members") == 1


def test_info_prints_json_of_every_table_on_stdout(store):
    result = run("-s", store.uri, "info", "--format", "json")
    assert {row["table"] for row in json.loads(result.stdout)} == set(store.tables())


def test_the_store_comes_from_the_environment(store):
    assert run("info", env={"ATTRIBASE_STORE": store.uri}).exit_code == 0


def test_a_folder_goes_in_and_torn_files_are_told(store, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (9, 7), "red").save(folder / "red.png")
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much")
    result = run("-s", store.uri, "ingest", "images", folder, "--collection", "gallery")
    assert result.exit_code == 0, result.stderr
    assert store.count("images") == 1
    assert "left out" in result.stderr
    assert store.count("failures") == 1


def test_sql_binds_parameters_and_formats(store):
    store.upsert("members", [{"collection": "gallery", "image_id": name} for name in "abc"])
    statement = "select count(*) as n from members where collection = $which"
    result = run("-s", store.uri, "query", "sql", statement, "--param", "which=gallery", "--format", "json")
    assert json.loads(result.stdout) == [{"n": 3}]
    piped = run("-s", store.uri, "query", "sql", "--format", "csv", input="select 1 as one")
    assert piped.stdout.split() == ["one", "1"]


def test_a_wrong_statement_is_one_line_and_exit_1(store):
    result = run("-s", store.uri, "query", "sql", "selec 1")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_check_finds_an_orphan_and_exits_1(store):
    assert run("-s", store.uri, "check").exit_code == 0
    store.upsert("members", [{"collection": "gallery", "image_id": "nobody"}])
    result = run("-s", store.uri, "check", "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["table"] == "members"


def test_every_command_shows_an_example():
    def walk(command, path):
        for name, sub in getattr(command, "commands", {}).items():
            yield from walk(sub, f"{path} {name}")
        if not getattr(command, "commands", None):
            yield path, command

    commands = list(walk(cli, "attribase"))
    assert [path for path, command in commands if "Example: " not in (command.help or "")] == []
    assert [path for path, command in commands if r"\b" in (command.help or "")] == []


def test_taking_images_in_makes_the_store_and_says_so(tmp_path):
    Image.new("RGB", (9, 7), "red").save(tmp_path / "red.png")
    uri = tmp_path / "new.store"
    assert run("-s", uri, "ingest", "images", tmp_path / "none", "--collection", "gallery").exit_code == 1
    assert not uri.exists()
    result = run("-s", uri, "ingest", "images", tmp_path, "--collection", "gallery")
    assert result.exit_code == 0, result.stderr
    assert "created a new store" in result.stderr
    assert Store.open(uri).count("images") == 1


def test_the_version_names_the_engines_and_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "attribase", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *engines = said.stdout.splitlines()
    assert first == f"attribase, version {__version__}"
    found = dict(line.split() for line in engines)
    assert found["duckdb"] == metadata.version("duckdb")
    assert {"python", "pylance", "polars", "pyarrow"} <= found.keys()
