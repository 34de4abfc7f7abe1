"""The store as it was, at a tag and at a moment."""

import json
import shutil
import time
from datetime import UTC, datetime, timedelta

import duckdb
import lance
import pytest
from attribase.query import connect, run_sql
from attribase.query.features import Pinned
from attribase.query.search.condition import matching_image_ids
from attribase.query.time_travel import name_state, state_digest, versions_at
from attribase.store import InvalidInputError, NotFoundError, Store
from attribase.store.maintenance import compact
from attribase.store.schema import TABLES
from attribase.store.tables import create_table

from .ranked import Ranked


@pytest.fixture
def ranked(tmp_path):
    ranked = Ranked(Store.create(tmp_path / "a.store"))
    for n in range(3):
        ranked.model(f"m{n}", [f"e{n}"], "objects")
    ranked.run("enc", "none", "objects", "gpt", skill=3.0)
    return ranked


def metrics(con, schema="main"):
    return con.execute(f"select mapper, map from {schema}.metrics order by mapper").fetchall()


def test_a_tag_shows_tables_and_views_of_then_while_main_shows_now(ranked):
    with connect(ranked.store.uri) as con:
        before = metrics(con)
    ranked.store.tag("before")
    ranked.run("enc", "none", "objects", "gpt", skill=0.0)
    ranked.run("enc", "tuned", "objects", "gpt", skill=5.0)
    for n, name in enumerate(("other", "third")):
        ranked.model(f"new{n}", ["e0"], "objects")
        ranked.store.tag(name)
    with connect(ranked.store.uri) as con:
        assert [row[0] for row in metrics(con, "before")] == ["none"]
        assert metrics(con, "before")[0][1] == pytest.approx(before[0][1])
        assert [row[0] for row in metrics(con)] == ["none", "tuned"]
        assert metrics(con)[0][1] < before[0][1]
        counts = [
            con.execute(f"select count(*) from {schema}.models").fetchone()[0]
            for schema in ("before", "other", "third", "main")
        ]
        assert counts == [3, 4, 5, 5]
        gained = con.execute(
            "select now.map - was.map from metrics as now join before.metrics as was using (encoder, mapper)"
        ).fetchall()
        assert len(gained) == 1
        assert gained[0][0] < 0


@pytest.mark.parametrize(
    "view", ["per_sample", "per_concept", "intervals", "differences", "published", "ranks"]
)
def test_every_view_of_a_tag_is_of_then(ranked, view):
    ranked.run("enc", "tuned", "objects", "gpt", skill=3.0)
    with connect(ranked.store.uri) as con:
        before = con.execute(f"select count(*) from {view}").fetchone()
    ranked.store.tag("before")
    ranked.run("enc", "more", "objects", "gpt", skill=3.0)
    with connect(ranked.store.uri) as con:
        then = con.execute(f"select count(*) from before.{view}").fetchone()
        now = con.execute(f"select count(*) from {view}").fetchone()
    assert then == before
    assert now > then or view == "published"


def test_a_table_that_an_earlier_version_did_not_have_is_empty_then(ranked):
    shutil.rmtree(ranked.store.layout.table("tombstones"))
    before = datetime.now(UTC)
    ranked.store.tag("before")
    with connect(ranked.store.uri) as con:
        assert con.sql("select count(*) from tombstones").fetchall() == [(0,)]
    create_table(ranked.store.layout, "tombstones", TABLES["tombstones"])
    with connect(ranked.store.uri) as con:
        assert con.sql("select count(*) from before.tombstones").fetchall() == [(0,)]
    assert set(versions_at(ranked.store, before)) == set(ranked.store.tables()) - {"tombstones"}


def test_a_column_that_an_earlier_version_did_not_have_is_null_then(ranked):
    uri = ranked.store.layout.table("images")
    lance.dataset(uri).drop_columns(["reservation", "added"])
    ranked.store.tag("before")
    lance.dataset(uri).add_columns([TABLES["images"].field("added"), TABLES["images"].field("reservation")])
    ranked.store.upsert("images", [{"image_id": "later", "reservation": "tdm"}])
    with connect(ranked.store.uri) as con:
        counts = "select count(*), count(reservation), count(added) from {}images {}"
        assert con.sql(counts.format("before.", "")).fetchall() == [(3, 0, 0)]
        assert con.sql(counts.format("before.", "where reservation is null")).fetchall() == [(3, 0, 0)]
        assert con.sql(counts.format("before.", "where reservation = 'tdm'")).fetchall() == [(0, 0, 0)]
        assert con.sql(counts.format("", "where reservation = 'tdm'")).fetchall() == [(1, 1, 0)]
        rows = con.sql("select image_id, reservation from before.images order by all").fetchall()
        assert rows == [("e0", None), ("e1", None), ("e2", None)]
    pinned = Pinned(ranked.store, versions_at(ranked.store, "before"))
    assert pinned.read("images", ["reservation"]).to_pydict() == {"reservation": [None] * 3}
    assert len(matching_image_ids(pinned, "reservation is null and image_id <> 'e0'")) == 2
    assert len(matching_image_ids(pinned, "reservation = 'tdm'")) == 0
    found = pinned.read("images", ["reservation", "image_id"])
    assert found.column_names == ["reservation", "image_id"]
    assert found["image_id"].null_count == 0


def test_a_statement_sees_the_tags_that_it_names(ranked):
    for name in ("before", "unrelated"):
        ranked.store.tag(name)
    schemas = "select distinct schema_name as s from duckdb_views() where not internal order by s"
    assert [row["s"] for row in run_sql(ranked.store.uri, f"{schemas} -- Before").to_pylist()] == [
        "before",
        "main",
    ]
    assert [row["s"] for row in run_sql(ranked.store.uri, schemas).to_pylist()] == ["main"]


def test_at_a_tag_or_a_moment_main_is_of_then(ranked):
    ranked.store.tag("before")
    time.sleep(0.01)
    moment = datetime.now(UTC)
    time.sleep(0.01)
    ranked.run("enc", "tuned", "objects", "gpt")
    local = moment.astimezone().replace(tzinfo=None)
    for at in ("before", moment, moment.isoformat(), local.isoformat(), local.isoformat(sep=" ")):
        with connect(ranked.store.uri, at=at) as con:
            assert [row[0] for row in metrics(con)] == ["none"]
            with pytest.raises(duckdb.Error):
                con.execute("from before.metrics")
    assert run_sql(ranked.store.uri, "select mapper from metrics", at="before").num_rows == 1


@pytest.mark.parametrize(
    ("at", "error"),
    [
        ("never", NotFoundError),
        ("2001-01-01", NotFoundError),
        ("last week", InvalidInputError),
        ("", InvalidInputError),
    ],
)
def test_text_that_is_no_time_of_the_store_says_what_to_do(ranked, at, error):
    with pytest.raises(error) as raised:
        connect(ranked.store.uri, at=at)
    assert raised.value.hint


def test_a_moment_whose_versions_were_compacted_away_is_not_answered_with_older_ones(ranked):
    store = ranked.store
    pinned = store.versions()["members"]
    store.upsert(
        "runs",
        [
            {
                "run_id": "r",
                "encoder": "e",
                "mapper": "none",
                "table_versions": json.dumps({"members": pinned}),
            }
        ],
    )
    store.upsert("members", [{"collection": "gallery", "image_id": "late"}])
    time.sleep(0.01)
    moment = datetime.now(UTC)
    time.sleep(0.01)
    assert versions_at(store, moment)["members"] == pinned + 1
    store.upsert("members", [{"collection": "gallery", "image_id": "later"}])
    list(compact(store, keep=timedelta(0)))
    with pytest.raises(NotFoundError, match="removed by compaction"):
        versions_at(store, moment)


def test_a_state_is_named_by_a_moment_or_its_newest_tag_and_both_give_exactly_its_versions(ranked):
    store, seen = ranked.store, []
    for number in range(4):
        ranked.run("enc", f"mapper{number}", "objects", "gpt")
        versions = store.versions()
        name = name_state(store, versions)
        if number == 2:
            store.tag("second")
            store.tag("newest")
            name = name_state(store, versions)
            assert name == "newest"
        seen.append((name, versions))
    for name, versions in seen:
        assert versions_at(store, name) == versions
        assert name_state(store, versions) == name
    assert len({name for name, _ in seen}) == 4


def test_the_digest_of_the_present_state_and_of_a_tag_is_resolved_and_no_other(ranked):
    store = ranked.store
    past = state_digest(store.versions())
    ranked.run("enc", "tuned", "objects", "gpt")
    store.tag("before")
    tagged = store.versions()
    ranked.run("enc", "more", "objects", "gpt")
    for versions in (store.versions(), tagged):
        assert versions_at(store, state_digest(versions)) == versions
    with pytest.raises(NotFoundError, match=f"{past} is neither"):
        versions_at(store, past)


def test_versions_that_no_moment_has_are_named_by_their_digest(ranked):
    store = ranked.store
    mixed = store.versions()
    store.upsert("members", [{"collection": "gallery", "image_id": "late"}])
    ranked.run("enc", "tuned", "objects", "gpt")
    mixed["runs"] = store.versions()["runs"]  # read while another process wrote: `members` is older
    assert name_state(store, mixed) == state_digest(mixed)
