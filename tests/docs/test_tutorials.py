"""docs/tutorials: the researcher's commands run to an answer, the notebook's cells to a report."""

import re
import shlex
from pathlib import Path

import jupytext
import nbclient
import polars
import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.ingest.world import images_path
from attribase.store import Store
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"

pytestmark = pytest.mark.slow


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (TUTORIALS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def _images(tmp_path, monkeypatch):
    """Twelve images with their owners, and a picture: what the tutorials begin with."""
    monkeypatch.chdir(tmp_path)
    rows = pq.read_table(images_path()).slice(0, 13).to_pylist()
    Path("my-images").mkdir()
    lines = ["file_name,creator,license"]
    for number, row in enumerate(rows[:12]):
        Path(f"my-images/{number}.png").write_bytes(row["image"])
        lines.append(f'{number}.png,"{row["creator"]}",{row["license"]}')
    Path("owners.csv").write_text("\n".join(lines))
    Path("picture.png").write_bytes(rows[12]["image"])


@pytest.mark.usefixtures("_images")
def test_the_researchers_tutorial_runs(monkeypatch, capsys):
    for line in "".join(blocks("researcher.md", "sh")).splitlines():
        program, *words = shlex.split(line)
        if program == "export":
            monkeypatch.setenv(*words[0].split("="))
            continue
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == 0, (line, done.output)
    store = Store("research.store")
    assert store.count("images") == 12
    assert None not in store.read("images", ["creator"])["creator"].to_pylist()
    assert polars.read_excel("answer.xlsx").height == 12
    assert Path("answer.html").read_text(encoding="utf-8").count("data:image/") >= 12
    (code,) = blocks("researcher.md", "python")
    exec(compile(code, "researcher.md", "exec"), {})
    assert "similarity" in capsys.readouterr().out


@pytest.mark.usefixtures("_images")
def test_the_notebook_runs_and_shows_the_answer_with_its_pictures():
    notebook = jupytext.read(TUTORIALS / "notebook.md")
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = ["".join(output.data["text/html"]) for output in outputs if "text/html" in output.get("data", {})]
    (answer,) = [html for html in shown if "data:image/" in html]
    assert answer.count("data:image/") == 9  # the picture and eight images
    report = polars.read_excel("report.xlsx")
    store = Store("notebook.store")
    creators = set(store.read("images", ["creator"])["creator"].to_pylist())
    assert 0 < report.height <= len(creators)
    assert set(report["creator"]) <= creators
    assert report["similarity"].is_sorted(descending=True)
