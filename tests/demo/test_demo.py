"""The whole demo, small: it finishes, does nothing when run again, and resumes after kills."""

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path

import polars
import pytest
from attribase.cli import cli
from attribase.query import run_sql
from attribase.store import Store
from click.testing import CliRunner

spec = importlib.util.spec_from_file_location("killing", Path(__file__).parent / "killing.py")
killing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(killing)

SIZE = (12, 1)
ROOT = Path(__file__).parents[2]


def blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


STATEMENTS = blocks("docs/sql.md", "sql")
README = re.findall(
    r"^    (attribase .*)$",
    (ROOT / "README.md").read_text(encoding="utf-8").split("## What you see")[1].split("## ")[0],
    re.MULTILINE,
)
"""The commands that the README shows on the demo's store."""

ANSWERS = blocks("docs/answers.md", "sh")[0].splitlines()
ANALYST = "docs/tutorials/analyst.md"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    killing.finish(folder, *SIZE)
    return folder


def test_the_report_is_self_contained(undisturbed):
    page = (undisturbed / "report.html").read_text()
    assert "<svg" in page
    assert page.count("data:image/png;base64,") > 50
    assert 'src="http' not in page


def test_again_there_is_nothing_to_do(undisturbed):
    before = Store.open(undisturbed / "store").versions()
    again = killing.finish(undisturbed, *SIZE)
    assert "nothing to do" in again.stderr
    assert Store.open(undisturbed / "store").versions() == before


def test_without_its_marker_the_same_command_finds_every_stage_done(undisturbed):
    store = Store.open(undisturbed / "store")
    before = store.versions()
    (undisturbed / "demo.json").unlink()
    killing.finish(undisturbed, *SIZE)
    assert store.versions() == before


def test_the_store_fits_together(undisturbed):
    from attribase.store.checks import check

    assert check(Store.open(undisturbed / "store")) == []


@pytest.fixture(scope="module")
def tagged(undisturbed, tmp_path_factory):
    """A copy of the demo's store with the tag that docs/sql.md compares with, and an image since."""
    copy = shutil.copytree(undisturbed / "store", tmp_path_factory.mktemp("tagged") / "store")
    store = Store.open(copy)
    store.tag("before")
    store.upsert("members", [{"collection": "gallery", "image_id": "late"}])
    return store.uri


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text.split("\n")[0][:40])
def test_a_statement_of_the_sql_page_runs_on_the_demos_store(tagged, statement):
    assert run_sql(tagged, statement).num_columns > 1


@pytest.fixture
def _beside_the_store(undisturbed, tmp_path, monkeypatch):
    """A folder with a picture and the store under the names that the documentation gives them."""
    monkeypatch.chdir(tmp_path)
    store = Store.open(undisturbed / "store")
    Path("my.store").symlink_to(store.uri)
    Path("attribase-demo").mkdir()
    Path("attribase-demo/store").symlink_to(store.uri)
    ((_, data),) = store.blobs(
        "samples", "bytes", sorted(store.read("samples", ["sample_id"])["sample_id"].to_pylist())[:1]
    )
    Path("picture.png").write_bytes(data)
    monkeypatch.setenv("ATTRIBASE_STORE", store.uri)


@pytest.mark.usefixtures("_beside_the_store")
@pytest.mark.parametrize("line", [line for line in (*README, *ANSWERS) if " serve" not in line])
def test_a_command_of_the_documentation_runs_on_the_demos_store(line):
    line = line.partition(" > ")[0].replace("*.png", "picture.png")
    program, *words = shlex.split(line, comments=True)
    assert program == "attribase"
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert Path(words[words.index("-o") + 1]).stat().st_size if "-o" in words else done.stdout.strip()


@pytest.mark.usefixtures("_beside_the_store")
@pytest.mark.parametrize("page", ["README.md", "docs/api/index.md"])
def test_the_python_of_the_documentation_runs_on_the_demos_store(page):
    names = {}
    for code in blocks(page, "python"):
        exec(compile(code, page, "exec"), names)
    assert names["answer"].results


@pytest.mark.usefixtures("_beside_the_store")
def test_the_analysts_tutorial_runs_on_the_demos_store():
    store = Path("attribase-demo/store")
    shutil.copytree(store.resolve(), "copy")  # the tutorial makes a tag
    store.unlink()
    store.symlink_to(Path("copy").resolve())
    Path("owners.sql").write_text(blocks(ANALYST, "sql")[0])
    for line in "".join(blocks(ANALYST, "sh")).splitlines():
        program, *words = shlex.split(line)
        if program != "export":
            done = CliRunner().invoke(cli, ["-s", str(store), *words], catch_exceptions=False)
            assert done.exit_code == 0, (line, done.output)
    frame = polars.read_excel("owners.xlsx")
    assert frame.columns == ["creator", "share_of_influence", "share_of_images"]
    assert 0 < frame["share_of_influence"].sum() <= 1 + 1e-6
    assert Path("owners-again.csv").read_text() == Path("owners.csv").read_text()


def test_after_kills_and_restarts_the_tables_are_the_same(undisturbed, tmp_path):
    for table, rows in (("models", 3), ("samples", 5), ("vectors_efficientnet_lite0", 1)):
        assert killing.kill_at(table, rows, tmp_path, *SIZE)
    killing.finish(tmp_path, *SIZE)
    assert killing.differences(undisturbed, tmp_path) == {}
    assert json.loads((tmp_path / "demo.json").read_text())["settings"]["models"] == SIZE[0]
