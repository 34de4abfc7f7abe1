"""What a command that a person types does not load, because that would take longer than the command."""

import json
import subprocess
import sys

import pytest
from attribase.commands.index import KINDS
from attribase.store import Store
from attribase.store.indexes import KINDS as STORED_KINDS

COMMAND = """
import json, sys
from attribase.cli import cli
try:
    cli(sys.argv[1:], standalone_mode=False)
except SystemExit as left:
    assert left.code in (0, None)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print("loaded:" + json.dumps(loaded), file=sys.stderr)
"""

ENGINES = {"duckdb", "onnx", "onnxruntime", "polars", "safetensors", "PIL", "numba"}
FRAMEWORKS = {"torch", "diffusers", "transformers", "timm", "sklearn", "scipy", "matplotlib", "lancedb"}
SERVING = {"fastapi", "uvicorn", "pydantic", "anyio", "jinja2", "reportlab", "xlsxwriter"}
STORAGE = {"lance", "pyarrow", "numpy"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return Store.create(tmp_path_factory.mktemp("light") / "a.store").uri


def loaded(*arguments):
    """The top-level modules that are loaded once a command has run."""
    command = [sys.executable, "-c", COMMAND, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.rpartition("loaded:")[2]))


@pytest.mark.parametrize(
    "arguments", [(), ("query",), ("query", "attribute"), ("ingest", "plan"), ("index",)]
)
def test_help_loads_neither_the_storage_nor_any_engine(arguments):
    heavy = STORAGE | ENGINES | FRAMEWORKS | SERVING | {"rich"}
    assert sorted(loaded(*arguments, "--help") & heavy) == []


@pytest.mark.parametrize("command", ["info", "tags"])
def test_commands_about_the_tables_load_only_the_storage(uri, command):
    assert sorted(loaded("-s", uri, command) & (ENGINES | FRAMEWORKS | SERVING)) == []


def test_kinds_of_indexes_in_the_help_are_those_of_the_store():
    assert KINDS == STORED_KINDS
