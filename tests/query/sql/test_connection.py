"""The connection: names of tables and views, hidden blobs, what it shows at which time, what it can write."""

import time
from datetime import UTC, datetime

import duckdb
import pytest
from attribase.query import connect
from attribase.query.sql.statements import VIEWS
from attribase.store import NotFoundError, Store


def test_every_table_and_view_has_its_name(small):
    con = connect(small.store.uri)
    names = {
        row[0] for row in con.execute("select view_name from duckdb_views() where not internal").fetchall()
    }
    assert names == {*VIEWS, "published", *small.store.tables()}
    for table in small.store.tables():
        assert con.execute(f"select count(*) from {table}").fetchone() == (small.store.count(table),)
    con.close()


def test_select_star_leaves_blobs_out_and_works(small):
    con = connect(small.store.uri)
    for table, hidden in {
        "images": "bytes",
        "samples": "bytes",
        "models": "weights",
        "mappers": "weights",
    }.items():
        rows = con.sql(f"from {table}").to_arrow_table()
        assert hidden not in rows.column_names
        assert rows.num_rows == small.store.count(table)
    con.close()


def test_vectors_come_as_they_are_stored(small):
    con = connect(small.store.uri)
    rows = dict(con.execute("select item_id, base from vectors_enc where item_kind = 'image'").fetchall())
    con.close()
    assert rows["e03"] == pytest.approx(small.vectors["e03"].tolist())
    assert set(rows) == {i for i in small.vectors if "-s" not in i}


def test_a_connection_shows_what_was_there_when_it_was_opened(small):
    con = connect(small.store.uri)
    small.images(["new"], "gallery")
    assert con.execute("select count(*) from images").fetchone() == (230,)
    con.close()
    with connect(small.store.uri) as later:
        assert later.execute("select count(*) from images").fetchone() == (231,)


def test_at_versions_or_a_moment_the_store_is_as_it_was(small):
    versions, moment = small.store.versions(), datetime.now(UTC)
    time.sleep(0.01)
    small.images(["new"], "gallery")
    small.store.ensure_vectors("later", 4)
    for at in ({"images": versions["images"]}, moment):
        with connect(small.store.uri, at=at) as con:
            assert con.execute("select count(*) from images").fetchone() == (230,)
    with connect(small.store.uri, at=moment) as con, pytest.raises(duckdb.CatalogException):
        con.execute("from vectors_later")


@pytest.mark.parametrize("at", [{"nope": 1}, {"images": 999}, datetime(2001, 1, 1, tzinfo=UTC)])
def test_a_time_that_never_was_is_not_found(small, at):
    with pytest.raises(NotFoundError):
        connect(small.store.uri, at=at)


def test_an_empty_store_has_empty_views(tmp_path):
    Store.create(tmp_path / "empty")
    with connect(tmp_path / "empty") as con:
        assert con.execute("from metrics").fetchall() == []


def test_no_progress_is_drawn_where_answers_go(small):
    with connect(small.store.uri) as con:
        assert con.sql("select current_setting('enable_progress_bar')").fetchall() == [(False,)]
