"""docs/quickstart.md: its commands run, on fewer pictures and fewer steps."""

import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.ingest.world import images_path
from attribase.query import run_sql
from click.testing import CliRunner

PAGE = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text(encoding="utf-8")
ONE_WORKER = ("--workers", "1")
SMALLER = {
    "customize": ["--iterations", "2", *ONE_WORKER],
    "sample": ["--steps", "2", *ONE_WORKER],
    "plan": ["--samples", "2"],
}
"""What is added to a command: few steps, and one process that imports what the others would, too."""


def commands():
    """Every line of the page's `sh` blocks, without comments."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture
def _few_pictures(tmp_path, monkeypatch):
    """A folder with a picture, and with twelve of the world's images for each of its collections."""
    monkeypatch.chdir(tmp_path)
    rows = pq.read_table(images_path()).rename_columns({"image": "bytes"})
    for start, name in ((0, "gallery"), (20, "exemplars")):
        few = rows.slice(start, 12).select(["bytes", "caption", "category", "creator", "license"])
        pq.write_table(few, f"{name}.parquet")
    Path("picture.png").write_bytes(rows["bytes"][40].as_py())


@pytest.mark.slow
@pytest.mark.usefixtures("_few_pictures")
def test_every_command_of_the_quickstart_runs():
    store = ""
    for words in commands():
        if words[0] == "export":
            store = words[1].partition("=")[2]
        elif words[0] == "head":
            lines = Path(words[2]).read_text().splitlines(keepends=True)[: int(words[1].removeprefix("-"))]
            Path(words[4]).write_text("".join(lines))
        else:
            assert words[0] == "attribase"
            smaller = SMALLER.get(words[2], [])
            words = [re.sub(r"^world:(\w+)$", r"\1.parquet", word) for word in words[1:]]
            done = CliRunner().invoke(cli, ["-s", store, *words, *smaller], catch_exceptions=False)
            assert done.exit_code == 0, (words, done.output)
    assert Path("answer.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    counted = run_sql(store, "select (select count(*) from models) m, (select count(*) from samples) s")
    assert counted.to_pylist() == [{"m": 2, "s": 4}]
