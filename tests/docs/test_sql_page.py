"""docs/sql.md: every query runs and answers, every command works, every list of columns is right."""

import re
import shlex
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from attribase.cli import cli
from attribase.query import connect, run_sql
from attribase.query.sql.macros import MACROS
from attribase.query.sql.statements import VIEWS
from attribase.store import Store, key_id
from attribase.store.schema import TABLES
from click.testing import CliRunner

from ..query.ranked import Ranked, fill
from ..query.text_tower import add_tower

NEAR = "efficientnet-lite0"
"""The encoder that the page's statements name, as the demo's store has it."""

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A store that gives every question something to answer, tagged `before` and changed since."""
    ranked = fill(
        Ranked(Store.create(tmp_path_factory.mktemp("page") / "my.store")), NEAR, "thumbnail", "best"
    )
    store = ranked.store
    store.upsert("members", [{"collection": "gallery", "image_id": name} for name in ("o0e", "o1e")])
    store.upsert(
        "failures",
        [
            {
                "stage": "images",
                "source": "/photos",
                "item": "a.png",
                "reason": "torn",
                "remedy": "copy it again",
                "at": datetime(2026, 1, 1),
            }
        ],
    )
    ranked.run("clip", "none", "objects", "gpt")
    ranked.model("p0", ["p0e"], "bamfg")
    ranked.run("clip", "none", "bamfg", "gpt")  # a place that the paper has figures for
    embed(store, ranked)
    store.tag("before")
    store.upsert("members", [{"collection": "gallery", "image_id": "late"}])
    ranked.run(NEAR, "best", "objects", "gpt", skill=1.0)
    return store.uri


def embed(store, ranked):
    """Vectors of all that was drawn: samples lie near the mean exemplar of their model. Calibrated."""
    rng, table = np.random.default_rng(0), store.ensure_vectors(NEAR, 8)
    near = {name: rng.normal(size=8) for row in ranked.models.values() for name in row["exemplar_ids"]}
    vectors = [{"item_id": name, "item_kind": "image", "base": row.tolist()} for name, row in near.items()]
    for name, row in ranked.samples.items():
        own = np.mean([near[one] for one in ranked.models[row["model_id"]]["exemplar_ids"]], axis=0)
        base = own + rng.normal(size=8)
        vectors.append({"item_id": name, "item_kind": "sample", "base": base.tolist()})
    store.upsert(table, vectors)
    store.upsert("encoders", [{"encoder": NEAR, "dim": 8}])
    fitted = {"calibration_id": key_id(NEAR, "none"), "encoder": NEAR, "mapper": "none"}
    store.upsert("calibrations", [fitted | {"tau": 0.2, "lambda": 0.3}])
    add_tower(store, NEAR, 8)


def test_the_page_has_more_than_a_dozen_questions():
    assert len(blocks("sql")) >= 12


@pytest.mark.parametrize("statement", blocks("sql"), ids=lambda text: text.split("\n")[0][:40])
def test_a_query_of_the_page_runs_and_answers(uri, statement):
    rows = run_sql(uri, statement)
    assert rows.num_rows > 0
    for column in rows.column_names:
        assert rows[column].null_count < rows.num_rows, column


def test_the_changes_since_a_tag_are_those_that_were_made(uri):
    (statement,) = (text for text in blocks("sql") if "full join before.metrics" in text)
    (row,) = run_sql(uri, statement).to_pylist()
    assert (row["encoder"], row["mapper"], row["case_name"], row["scheme"]) == (
        NEAR,
        "best",
        "objects",
        "gpt",
    )
    assert row["change"] == pytest.approx(row["map_now"] - row["map_before"])
    (statement,) = (text for text in blocks("sql") if "not in (select image_id from before.members)" in text)
    assert run_sql(uri, statement).to_pylist() == [{"collection": "gallery", "images": 1}]


def test_recall_at_any_k_agrees_with_the_view(uri):
    (statement,) = (text for text in blocks("sql") if "cut(k)" in text)
    ours = run_sql(uri, statement.replace("(1), (3), (30), (300)", "(5), (10), (100)")).to_pylist()
    keys = ("encoder", "mapper", "case_name", "scheme", "split")
    view = {tuple(row[k] for k in keys): row for row in run_sql(uri, "from metrics").to_pylist()}
    assert len(ours) == 3 * len(view)
    for row in ours:
        assert row["recall"] == pytest.approx(view[tuple(row[k] for k in keys)][f"recall_{row['k']}"])


@pytest.mark.parametrize("line", [line for text in blocks("sh") for line in text.splitlines()])
def test_a_command_of_the_page_works(uri, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    Path("my.store").symlink_to(uri)
    Path("question.sql").write_text(blocks("sql")[0])
    program, *words = shlex.split(line)
    assert program == "attribase"
    makes = words[2:] == ["tag", "before_cleaning"]
    if "before_cleaning" in line and not makes and "before_cleaning" not in names(uri):
        Store.open(uri).tag("before_cleaning")
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.stderr


def names(uri):
    return [tag.name for tag in Store.open(uri).tags()]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_on_the_page_runs(uri, tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    Path("my.store").symlink_to(uri)
    found = {}
    exec(compile(code, "docs/sql.md", "exec"), found)
    assert isinstance(found["table"], pa.Table)
    assert found["table"].num_rows > 0
    assert type(found["frame"]).__module__.startswith("polars")
    assert set(found["frame"]["metric"]) == {"recall_10"}


@pytest.mark.parametrize("view", [*VIEWS, "published"])
def test_the_page_lists_a_views_columns(uri, view):
    (line,) = re.findall(rf"^\| `{view}` \| .*$", PAGE, re.MULTILINE)
    listed = re.findall(r"`(\w+)`", line.split("|")[3])
    with connect(uri) as con:
        assert [row[0] for row in con.execute(f"describe {view}").fetchall()] == listed


@pytest.mark.parametrize("macro", MACROS)
def test_the_page_lists_a_macros_columns(uri, macro):
    (line,) = re.findall(rf"^\| `{macro}\(.*$", PAGE, re.MULTILINE)
    listed = re.findall(r"`(\w+)`", line.split("|")[3])
    items = {
        "influence_by": "'creator', 's0-gpt0'",
        "usage_by_owner": "'creator'",
        "similar_text": "'a red car'",
    }
    item = items.get(macro, "'s0-gpt0'")
    with connect(uri) as con:
        assert con.sql(f"from {macro}({item})").columns == listed


def test_the_page_names_every_table_and_no_column_that_is_not_there():
    lines = re.findall(r"^\| (`[a-z_<>`, ]+) \| ([^|]*) \|$", PAGE, re.MULTILINE)
    tables = {name for names, _ in lines for name in re.findall(r"`([\w<>]+)`", names)}
    assert tables == set(TABLES) | {"vectors_<encoder>", "views_<encoder>", "views_strong_<encoder>"}
    for named, text in lines:
        known = {field for name in re.findall(r"`(\w+)`", named) for field in TABLES[name].names}
        if known:
            assert set(re.findall(r"`(\w+)`", text)) - {"gallery"} <= known
