"""SQL over the store: names, pushdown, hidden blobs, halves, time travel."""

import time
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from attribase.query import connect
from attribase.query.sql.statements import SQL_DIR, VIEWS, load_sql, statement_names
from attribase.query.sql_dataset import Relation
from attribase.store import NotFoundError, Store


class Recording:
    """A dataset that remembers what it was asked to scan."""

    def __init__(self, dataset):
        self.dataset, self.calls = dataset, []
        self.schema = dataset.schema

    def scanner(self, columns=None, filter=None, **options):  # noqa: A002
        scan = self.dataset.scanner(columns=columns, filter=filter, **options)
        self.calls.append((columns, scan.to_table().num_rows))
        return self.dataset.scanner(columns=columns, filter=filter, **options)


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


def test_projection_and_filter_are_done_by_lance(small):
    recording = Recording(small.store.dataset("images"))
    con = duckdb.connect()
    con.register("images", Relation(recording))
    assert con.execute("select uri from images where image_id = 'g007'").fetchall() == [("file:g007",)]
    columns, rows = recording.calls[-1]
    assert (sorted(columns), rows) in ((["uri"], 1), (["image_id", "uri"], 1))
    statement = "select creator from images where image_id = $id"
    assert con.execute(statement, {"id": "g008"}).fetchall() == [("c2",)]
    assert recording.calls[-1][1] == 1
    con.close()


PREDICATES = (
    "k = 5",
    "k <> 5",
    "k > 3 and k <= 7",
    "k in (1, 2, 90)",
    "k not in (1, 2, 90)",
    "k is null",
    "k is not null and s is null",
    "s = 'it''s'",
    "s > 'm'",
    "s like 'a%'",
    "s in ('it''s', 'a3', 'b')",
    "s = 'a3' or k = 7",
    "not (k = 5)",
    "f > 0.5",
    "f >= 0.5::float",
    "f = 'nan'::float",
    "d < 0.25",
    "b",
    "not b",
    "b is null",
    "t >= timestamp '2024-01-02 00:00:00'",
    "t = timestamp '2024-01-03 00:00:00' and k < 50",
    "k between 10 and 20",
    "lower(s) = 'a3'",
    "len(l) > 1",
    "k = (select max(k) from data)",
    "i = 3",
    "false",
)


@pytest.mark.parametrize("predicate", PREDICATES)
def test_a_filter_means_the_same_in_lance_and_in_memory(tmp_path_factory, predicate):
    import lance

    table = predicate_rows()
    path = tmp_path_factory.getbasetemp() / "predicates.lance"
    if not path.exists():
        lance.write_dataset(table, path)
    answers = []
    for source in (Relation(lance.dataset(path)), table):
        con = duckdb.connect()
        con.register("data", source)
        answers.append(con.execute(f"select n from data where {predicate} order by n").fetchall())
        con.close()
    assert answers[0] == answers[1]


def predicate_rows():
    n = 100
    none = [x % 11 == 0 for x in range(n)]
    days = [datetime(2024, 1, 1) + timedelta(days=x % 5) for x in range(n)]
    return pa.table(
        {
            "n": pa.array(range(n), pa.int64()),
            "k": pa.array(range(n), pa.int64(), mask=np.array(none)),
            "i": pa.array([x % 7 for x in range(n)], pa.int32()),
            "s": pa.array(["it's" if x % 3 == 0 else f"a{x}" for x in range(n)], mask=np.array(none)),
            "f": pa.array([float("nan") if x == 50 else x / n for x in range(n)], pa.float32()),
            "d": pa.array([x / n for x in range(n)], pa.float64(), mask=np.array(none)),
            "b": pa.array([x % 2 == 0 for x in range(n)], mask=np.array(none)),
            "t": pa.array(days, pa.timestamp("us")),
            "l": pa.array([["x"] * (x % 3) for x in range(n)], pa.list_(pa.string())),
        }
    )


@pytest.mark.parametrize(
    "predicate", ["u = 3", "w > 2 and w < 4", "l = 'a3'", "c = 'a3'", "r.a = 3", "d = 3"]
)
def test_a_filter_that_lance_refuses_still_holds(tmp_path_factory, predicate):
    import lance

    path = tmp_path_factory.getbasetemp() / "refused.lance"
    if not path.exists():
        words = [f"a{x}" for x in range(9)]
        columns = {
            "n": range(9),
            "u": pa.array(range(9), pa.uint8()),
            "w": pa.array(range(9), pa.uint64()),
            "l": pa.array(words, pa.large_string()),
            "c": pa.array(words).dictionary_encode(),
            "r": [{"a": x} for x in range(9)],
            "d": pa.array(range(9), pa.decimal128(9, 2)),
        }
        lance.write_dataset(pa.table(columns), path)
    con = duckdb.connect()
    con.register("data", Relation(lance.dataset(path)))
    assert con.execute(f"select n from data where {predicate}").fetchall() == [(3,)]
    con.close()


def test_halves_come_as_floats(tmp_path):
    import lance

    halves = np.arange(12, dtype=np.float16) / 8
    table = pa.table(
        {
            "id": pa.array(["a", "b", "c"]),
            "one": pa.array(halves[:3]),
            "four": pa.FixedSizeListArray.from_arrays(pa.array(halves), 4),
        }
    )
    lance.write_dataset(table, tmp_path / "h.lance")
    con = duckdb.connect()
    con.register("h", Relation(lance.dataset(tmp_path / "h.lance")))
    assert con.execute("select one, four from h where id = 'b'").fetchall() == [
        (0.125, (0.5, 0.625, 0.75, 0.875))
    ]
    assert con.execute("select id from h where one > 0.1 order by id").fetchall() == [("b",), ("c",)]
    assert con.execute("select count(*) from h").fetchone() == (3,)
    con.close()


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


@pytest.mark.parametrize("name", statement_names())
def test_a_statement_file_is_one_statement_with_its_contract(name):
    text = load_sql(name)
    header = [line for line in text.splitlines() if line.startswith("--")]
    assert header[0].startswith(f"-- {name}: ")
    for word in ("reads", "params", "returns"):
        assert any(line.startswith(f"-- {word} ") for line in header), word
    assert len(duckdb.extract_statements(text)) == 1
    assert ";" not in "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def test_statements_are_read_by_name_only():
    assert {path.suffix for path in SQL_DIR.iterdir()} == {".sql"}
    for name in ("nope", "../sql/metrics"):
        with pytest.raises(NotFoundError, match="no SQL statement"):
            load_sql(name)
