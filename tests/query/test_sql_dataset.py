"""What SQL reads of Lance: which columns of which rows, what filters mean, and which types columns have."""

from datetime import datetime, timedelta

import duckdb
import lance
import numpy as np
import pyarrow as pa
import pytest
from attribase.query import connect
from attribase.query.sql_dataset import SqlDataset
from attribase.store import Store

from .ranked import Ranked

NUMBERS = {"run_number", "rank", "place", "exemplars"}


class Asked:
    """A dataset that remembers the columns and rows it was asked for."""

    def __init__(self, table, dataset, log):
        self.table, self.dataset, self.log, self.schema = table, dataset, log, dataset.schema

    def scanner(self, columns=None, filter=None, **options):  # noqa: A002
        scan = self.dataset.scanner(columns=columns, filter=filter, **options)
        if columns and "explain_plan" not in options and not options.get("with_row_id"):
            self.log.append((self.table, set(columns), scan.to_table().num_rows))
        return self.dataset.scanner(columns=columns, filter=filter, **options)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    ranked = Ranked(Store.create(tmp_path_factory.mktemp("pushed") / "a.store"))
    for n in range(4):
        ranked.model(f"m{n}", [f"e{n}", f"f{n}"], "objects")
    for mapper in ("none", "tuned"):
        for scheme in ("gpt", "media"):
            ranked.run("enc", mapper, "objects", scheme)
    return ranked.store


@pytest.fixture
def asked(store, monkeypatch):
    """(connection, log): every scan as (table, columns, rows)."""
    log = []
    open_dataset = Store.dataset
    monkeypatch.setattr(
        Store,
        "dataset",
        lambda self, table, version=None: Asked(table, open_dataset(self, table, version), log),
    )
    monkeypatch.setattr(
        Store, "versions", lambda self: {t: open_dataset(self, t).version for t in self.tables()}
    )
    monkeypatch.setattr("attribase.query.sql.connection.list_tags", lambda _: [])
    with connect(store.uri) as con:
        yield con, log


def test_metrics_read_only_the_numbers_of_ranks(asked):
    con, log = asked
    assert len(con.execute("from metrics").fetchall()) == 4
    ranks = [columns for table, columns, _ in log if table == "ranks"]
    assert ranks == [NUMBERS | {"pool_size"}]
    assert {table for table, _, _ in log} == {"ranks", "runs"}


def test_recall_alone_leaves_places_unread(asked):
    con, log = asked
    con.execute("select mapper, samples, recall_10 from metrics").fetchall()
    assert [columns for table, columns, _ in log if table == "ranks"] == [NUMBERS - {"place"}]
    log.clear()
    con.execute("select count(*), sum(rank) from ranks").fetchall()
    assert [columns for table, columns, _ in log if table == "ranks"] == [{"rank"}]


def test_a_filter_on_a_view_reaches_the_runs_that_lance_reads(asked):
    con, log = asked
    statement = "select recall_10 from metrics where mapper = 'tuned' and scheme = 'gpt'"
    assert len(con.execute(statement).fetchall()) == 1
    assert [rows for table, _, rows in log if table == "runs"] == [1]
    plan = con.execute(f"explain {statement}").fetchall()[0][1]
    assert "\"mapper\" = 'tuned'" in plan
    assert "\"scheme\" = 'gpt'" in plan


def test_samples_read_no_column_that_the_answer_does_not_need(asked):
    con, log = asked
    assert len(con.execute("select ap from per_sample where mapper = 'tuned'").fetchall()) == 32
    (columns,) = (columns for table, columns, _ in log if table == "ranks")
    assert columns == {"run_number", "sample_id", "rank", "place"}
    assert [rows for table, _, rows in log if table == "runs"] == [2]


def test_ranks_of_one_run_are_all_that_is_read_when_it_is_named(asked):
    con, log = asked
    number, samples = con.execute("select run_number, samples from runs limit 1").fetchone()
    log.clear()
    found = con.execute("select count(*) from ranks where run_number = $run", {"run": number}).fetchone()
    assert found == (2 * samples,)
    assert [rows for table, _, rows in log if table == "ranks"] == [2 * samples]


def test_one_sample_is_all_that_is_read_of_its_table(asked):
    con, log = asked
    con.execute("select prompt from samples where sample_id = 'm0-gpt0'").fetchall()
    assert [rows for table, _, rows in log if table == "samples"] == [1]


def test_counting_reads_no_column_with_text(asked):
    con, log = asked
    con.execute("select count(*) from images").fetchall()
    assert all(len(columns) <= 1 for table, columns, _ in log if table == "images")


def test_bytes_read_are_those_of_the_columns(tmp_path):
    """A long text column is not touched by a sum over a number beside it."""
    rows = pa.table({"n": pa.array(range(20_000)), "text": [f"{i:0200d}" for i in range(20_000)]})
    dataset = lance.write_dataset(rows, tmp_path / "t.lance")
    with duckdb.connect() as con:
        con.register("t", SqlDataset(dataset))
        dataset.io_stats_incremental()  # counts from here
        assert con.execute("select sum(n) from t").fetchone() == (sum(range(20_000)),)
        few = dataset.io_stats_incremental().read_bytes
        con.execute("select max(text) from t").fetchone()
        many = dataset.io_stats_incremental().read_bytes
    assert few < 200_000 < many


class Recording:
    """A dataset that remembers what it was asked to scan."""

    def __init__(self, dataset):
        self.dataset, self.calls = dataset, []
        self.schema = dataset.schema

    def scanner(self, columns=None, filter=None, **options):  # noqa: A002
        scan = self.dataset.scanner(columns=columns, filter=filter, **options)
        self.calls.append((columns, scan.to_table().num_rows))
        return self.dataset.scanner(columns=columns, filter=filter, **options)


def test_projection_and_filter_are_done_by_lance(small):
    recording = Recording(small.store.dataset("images"))
    con = duckdb.connect()
    con.register("images", SqlDataset(recording))
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
    table = predicate_rows()
    path = tmp_path_factory.getbasetemp() / "predicates.lance"
    if not path.exists():
        lance.write_dataset(table, path)
    answers = []
    for source in (SqlDataset(lance.dataset(path)), table):
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
    con.register("data", SqlDataset(lance.dataset(path)))
    assert con.execute(f"select n from data where {predicate}").fetchall() == [(3,)]
    con.close()


def test_halves_come_as_floats(tmp_path):
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
    con.register("h", SqlDataset(lance.dataset(tmp_path / "h.lance")))
    assert con.execute("select one, four from h where id = 'b'").fetchall() == [
        (0.125, (0.5, 0.625, 0.75, 0.875))
    ]
    assert con.execute("select id from h where one > 0.1 order by id").fetchall() == [("b",), ("c",)]
    assert con.execute("select count(*) from h").fetchone() == (3,)
    con.close()
