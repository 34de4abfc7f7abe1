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

from ..faults.commands import Launcher
from .small_world import write_small_world

spec = importlib.util.spec_from_file_location("killing", Path(__file__).parent / "killing.py")
killing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(killing)

SIZE = (12, 1)
FEWER = (
    ("attribase.ingest.customize.methods.custom_diffusion", "_WORLD", {"iterations": 15, "views": 16}),
    ("attribase.train.config", "RECIPES", {"paper": {"epochs": 10}, "best": {"epochs": 5}}),
    ("attribase.ingest.embed.job", "embed", {"shard_size": 256}),
    ("attribase.ingest.embed.views", "SHARD_SIZE", 256),
)
"""Fewer steps of training than a demo has, for nothing here depends on what is learned; and as many commits
of fewer images, for a killed command is to be killed between two. Ids of runs depend on how many there were.
"""

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
def patches(tmp_path_factory):
    """What makes a demo small."""
    world = write_small_world(tmp_path_factory.mktemp("small") / "world")
    return [("attribase.ingest.world", "WORLD_DIR", str(world)), *FEWER]


@pytest.fixture(scope="module")
def undisturbed(patches, tmp_path_factory):
    """Made by the program itself, with a worker that it spawns: the tables of two are to be the same."""
    folder = tmp_path_factory.mktemp("demo")
    beside = Path(__file__).parents[1] / "faults"
    apply = f"import sys; sys.path.append({str(beside)!r}); import patches; patches.apply({patches!r})"
    killing.finish(folder, *SIZE, apply, ["--workers", "1"])
    return folder


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def run_again(undisturbed, launcher, patches, tmp_path):
    """Run the same demo once more; what it prints."""

    def run():
        done = launcher.run(argv(undisturbed), tmp_path, patches=patches)
        assert done.status == 0, done.output
        return done.output

    return run


def argv(folder):
    models, samples = SIZE
    return ["demo", str(folder), "--models", str(models), "--samples", str(samples)]


def test_the_report_is_self_contained(undisturbed):
    page = (undisturbed / "report.html").read_text()
    assert "<svg" in page
    assert page.count("data:image/png;base64,") > 50
    assert 'src="http' not in page


def test_again_there_is_nothing_to_do(undisturbed, run_again):
    before = Store.open(undisturbed / "store").versions()
    assert "nothing to do" in run_again()
    assert Store.open(undisturbed / "store").versions() == before


def test_without_its_marker_the_same_command_finds_every_stage_done(undisturbed, run_again):
    store = Store.open(undisturbed / "store")
    before = store.versions()
    (undisturbed / "demo.json").unlink()
    run_again()
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


def test_after_kills_and_restarts_the_tables_are_the_same(undisturbed, launcher, patches, tmp_path):
    line, folder = argv(tmp_path / "killed"), tmp_path / "killed"
    for table, rows in (("models", 3), ("samples", 5), ("vectors_efficientnet_lite0", 1)):
        running = launcher.start(line, tmp_path, patches=patches)
        ended = running.wait(lambda at=(table, rows): killing.committed(folder, at[0]) >= at[1], 0.1)
        assert ended is None, ended.output
        running.kill()
        assert running.wait().status == -9
    last = launcher.run(line, tmp_path, patches=patches)
    assert last.status == 0, last.output
    assert killing.differences(undisturbed, folder) == {}
    assert json.loads((folder / "demo.json").read_text())["settings"]["models"] == SIZE[0]
