"""A store that attribase of format 1 made (commit 4a38102), kept as a file; what a format fixes."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from attribase.store import Store
from attribase.store.checks import check
from attribase.store.errors import ConflictError
from attribase.store.layout import Layout
from attribase.store.marker import FORMAT
from attribase.store.schema import TABLES
from attribase.store.tables import Tables
from attribase.store.upgrade import plan_upgrade, upgrade

DATA = Path(__file__).with_name("data")
THEN = json.loads((DATA / "format-1.json").read_text())
"""What attribase of format 1 printed of its store."""

NEEDED = {
    "images": ["image_id"],
    "members": ["collection", "image_id"],
    "models": ["model_id", "method", "exemplar_ids"],
    "samples": ["sample_id"],  # and model_id, which may be null since pictures come from elsewhere
    "failures": ["stage", "source", "item", "reason", "at"],
    "tombstones": ["item_id", "item_kind", "removed_at", "erase"],
}
"""What a writer of format 2 gives of each row at least."""


@pytest.fixture
def earlier(tmp_path):
    with tarfile.open(DATA / "format-1.tar.gz") as archive:
        archive.extractall(tmp_path)
    return Path(tmp_path, "store")


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(folder):
    return Tables(Layout.of(folder))


def test_opening_refuses_it_without_a_change_and_names_the_command(earlier):
    before = files(earlier)
    with pytest.raises(ConflictError, match="failures must be written anew") as caught:
        Store.open(earlier)
    assert f"attribase -s {earlier} upgrade --dry-run" in caught.value.hint
    assert files(earlier) == before


def test_the_plan_changes_nothing_and_names_the_tables(earlier):
    before = files(earlier)
    plan = {change.table: change for change in plan_upgrade(tables(earlier))}
    assert plan["failures"].rewrite
    assert set(plan["failures"].columns) == {"source", "remedy"}
    assert plan["failures"].rows == 1
    assert plan["tombstones"].rows is None
    assert files(earlier) == before


def test_upgraded_it_has_every_table_and_row_and_no_problem(earlier):
    store = tables(earlier)
    counts = {table: store.count(table) for table in store.tables()}
    list(upgrade(store))
    upgraded = Store.open(earlier)
    assert set(TABLES) <= set(upgraded.tables())
    for name, schema in TABLES.items():
        assert set(upgraded.schema(name).names) == set(schema.names)
    assert {table: upgraded.count(table) for table in counts} == counts
    assert json.loads((earlier / "store.json").read_text())["attribase"]["format"] == FORMAT
    assert plan_upgrade(upgraded) == []
    assert [problem.check for problem in check(upgraded) if problem.check == "damage"] == []


def test_a_second_upgrade_changes_nothing(earlier):
    list(upgrade(tables(earlier)))
    before = files(earlier)
    assert list(upgrade(tables(earlier))) == []
    assert files(earlier) == before


def test_an_upgrade_that_was_killed_goes_on(earlier):
    steps = upgrade(tables(earlier))
    next(steps)
    steps.close()
    with_marker = json.loads((earlier / "store.json").read_text())
    assert with_marker["attribase"]["format"] == 1
    list(upgrade(tables(earlier)))
    assert Store.open(earlier).count("failures") == 1


def test_attribase_of_format_1_would_refuse_what_was_upgraded(earlier):
    list(upgrade(tables(earlier)))
    assert json.loads((earlier / "store.json").read_text())["attribase"]["format"] > 1


def test_a_store_of_format_1_that_lacks_nothing_opens_and_keeps_its_format(store):
    marker = Path(store.uri, "store.json")
    marker.write_text(json.dumps({"attribase": {"format": 1}}))
    Store.open(store.uri)
    assert json.loads(marker.read_text())["attribase"]["format"] == 1


def test_the_refusal_of_a_newer_store_names_the_version_that_wrote_it(store):
    marker = {"attribase": {"format": FORMAT + 1, "software": "9.8.7"}}
    Path(store.uri, "store.json").write_text(json.dumps(marker))
    with pytest.raises(ConflictError) as caught:
        Store.open(store.uri)
    assert "9.8.7 wrote the store" in caught.value.hint


@pytest.mark.parametrize("table", sorted(NEEDED))
def test_a_format_needs_the_same_of_every_row(table):
    """Where this fails, an earlier attribase can no longer write the table: give the store a new FORMAT."""
    assert FORMAT == 2
    assert [field.name for field in TABLES[table] if not field.nullable] == NEEDED[table]


def test_the_rows_of_before_are_those_that_format_1_printed(earlier):
    from attribase.query import attribute, connect

    list(upgrade(tables(earlier)))
    con = connect(earlier)
    for name, statement in (
        ("metrics", "from metrics order by all"),
        ("failures", "select stage, item, reason from failures order by all"),
        ("images", "select image_id, uri, creator from images order by all"),
    ):
        rows = con.sql(statement).to_arrow_table().to_pylist()
        assert [{key: row[key] for key in then} for row, then in zip(rows, THEN[name], strict=True)] == THEN[
            name
        ]
    con.close()
    answer = attribute(Store.open(earlier), "m0-s0", k=5, mapper="tuned").to_dict()
    now = [{key: result[key] for key in THEN["answer"]["results"][0]} for result in answer["results"]]
    assert [one["image_id"] for one in now] == [one["image_id"] for one in THEN["answer"]["results"]]
    for one, then in zip(now, THEN["answer"]["results"], strict=True):
        assert one["influence"] == pytest.approx(then["influence"], abs=1e-9)
        assert one["similarity"] == pytest.approx(then["similarity"], abs=1e-7)


def test_a_removed_table_of_the_first_version_is_not_planned(earlier):
    shutil.rmtree(earlier / "members.lance")
    assert "members" not in {change.table for change in plan_upgrade(tables(earlier))}
