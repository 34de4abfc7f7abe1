"""docs/encoders.md: its table is the registry, its example works."""

import importlib.util
import io
import re
import shlex
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from attribase import connect
from attribase.cli import cli
from attribase.ingest import encoders
from attribase.ingest.encoders import ENCODERS, FAMILIES, ensure_encoder, get_encoder, registry
from attribase.runtime import load_encoder
from attribase.store import Store, content_id
from PIL import Image

PAGE = (Path(__file__).parents[3] / "docs" / "encoders.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_table_is_the_registry():
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+|its file's) \| (\d+) \|", section("All of them"), re.MULTILINE)
    known = [(s.name, str(s.dim) if s.dim else "its file's", str(s.size)) for s in ENCODERS]
    assert rows == known
    assert all(f"`{family}`" in PAGE for family in FAMILIES)


def test_licences_are_those_of_the_registry():
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([^|]+) \|$", section("All of them"), re.MULTILINE)
    assert dict(rows) == {spec.name: spec.license for spec in ENCODERS}


def test_its_sql_runs(tmp_path):
    con = connect(Store.create(tmp_path / "store").uri)
    assert len(blocks("sql")) == 3
    for statement in blocks("sql"):
        con.sql(statement).fetchall()


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines() if line])
def test_its_commands_exist_with_their_options(line):
    words = shlex.split(line, comments=True)
    assert words.pop(0) == "attribase"
    command, options = cli, {}
    for word in words:
        options |= {name: param for param in command.params for name in param.opts}
        if word.startswith("-"):
            assert word in options, f"{command.name} has no {word}"
        elif isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
    assert not isinstance(command, click.Group)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The documented file as a module of the package, and its line in the registry."""
    (code,) = (block for block in blocks("python") if "edges" in block)
    (line,) = (block for block in blocks("text") if "edges" in block)
    name = re.match(r"# ingest/encoders/(\w+)\.py\n", code).group(1)
    (tmp_path / f"{name}.py").write_text(code)
    full = f"{encoders.__name__}.{name}"
    found = importlib.util.spec_from_file_location(full, tmp_path / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, full, module)
    found.loader.exec_module(module)
    entries = eval(f"({line.strip()})", {name: module})
    monkeypatch.setattr(registry, "ENCODERS", (*ENCODERS, *entries))


@pytest.mark.usefixtures("example")
def test_the_documented_encoder_works(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    store = Store.create(tmp_path / "store")
    rows = []
    for array in pixels:
        Image.fromarray(array).save(buffer := io.BytesIO(), "PNG")
        rows.append({"image_id": content_id(buffer.getvalue()), "bytes": buffer.getvalue()})
    store.upsert("images", rows)
    assert get_encoder("edges").dim == 256
    assert ensure_encoder(store, "edges") == "edges"
    features = load_encoder(store, "edges").encode([Image.fromarray(array) for array in pixels])
    grey = np.pad((pixels / 127.5 - 1).mean(3), ((0, 0), (0, 1), (0, 1)), mode="edge")
    steps = np.abs(np.diff(grey, axis=2))[:, :-1] + np.abs(np.diff(grey, axis=1))[:, :, :-1]
    means = steps.reshape(3, 16, 4, 16, 4).mean((2, 4)).reshape(3, 256)
    assert features == pytest.approx(means, abs=1e-5)
