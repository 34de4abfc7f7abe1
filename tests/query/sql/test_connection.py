"""The connection: names of tables and views, hidden blobs, what it shows at which time, what it can write."""

import time
from datetime import UTC, datetime
from pathlib import Path

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


WRITES = (
    "insert into members values ('a', 'b')",
    "update members set collection = 'x'",
    "delete from images",
    "truncate images",
    "drop table images",
    "alter table images add column x int",
    "merge into members using (select 'a' as c) on collection = c when matched then delete",
    "copy members from 'rows.csv'",
    "create index i on images (image_id)",
)


@pytest.mark.parametrize("statement", WRITES)
def test_no_table_of_the_store_can_be_written(small, tmp_path, monkeypatch, statement):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("collection,image_id\na,b\n")
    versions = small.store.versions()
    with connect(small.store.uri) as con, pytest.raises(duckdb.Error):
        con.execute(statement)
    assert small.store.versions() == versions


def test_copy_attach_and_export_write_files_as_the_documentation_says(small, tmp_path):
    with connect(small.store.uri) as con:
        con.execute(f"copy (from members order by all) to '{tmp_path}/members.csv'")
        con.execute(f"attach '{tmp_path}/other.db' as other")
        con.execute("create table other.main.mine as from members")
        stored = con.sql("from members order by all").fetchall()
    assert stored
    lines = [f"{collection},{image_id}" for collection, image_id in stored]
    assert (tmp_path / "members.csv").read_text().splitlines() == ["collection,image_id", *lines]
    with duckdb.connect(tmp_path / "other.db", read_only=True) as con:
        assert con.sql("from mine order by all").fetchall() == stored
    page = (Path(__file__).parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
    for text in (connect.__doc__, page):
        assert "only reads" not in text
        for statement in ("COPY ... TO", "EXPORT DATABASE", "ATTACH", "INSTALL"):
            assert f"`{statement}`" in text


def test_what_a_connection_creates_or_drops_is_its_own(small):
    with connect(small.store.uri) as con:
        con.execute("create table mine as from images")
        con.execute("drop view members")
        con.execute("create or replace view images as select 1 as one")
    with connect(small.store.uri) as con:
        assert con.execute("select count(*) from images").fetchone() == (230,)
        assert con.execute("select count(*) from members").fetchone() == (small.store.count("members"),)
        with pytest.raises(duckdb.CatalogException):
            con.execute("from mine")
