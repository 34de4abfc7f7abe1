"""What views read of Lance: which columns of which rows, in the plan and as the datasets were asked."""

import duckdb
import lance
import pyarrow as pa
import pytest
from attribase.query import connect
from attribase.query.sql_dataset import Relation
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
    assert ranks == [NUMBERS]
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
        con.register("t", Relation(dataset))
        dataset.io_stats_incremental()  # counts from here
        assert con.execute("select sum(n) from t").fetchone() == (sum(range(20_000)),)
        few = dataset.io_stats_incremental().read_bytes
        con.execute("select max(text) from t").fetchone()
        many = dataset.io_stats_incremental().read_bytes
    assert few < 200_000 < many
