"""The locked connection and its read-only transaction hold even for statements that were not validated."""

import contextlib

import duckdb
import pyarrow as pa
import pytest
from attribase.query.sql.sandbox.limits import SandboxLimits
from attribase.query.sql.sandbox.lockdown import BEGIN, lock
from attribase.query.workers import parse_size
from attribase.store.errors import InvalidInputError

from .attempts import READS, SETTINGS, WRITES

SECRET = "the secret of this machine"


@pytest.fixture
def con(monkeypatch, tmp_path):
    (tmp_path / "secret.txt").write_text(SECRET)
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as con:
        con.from_arrow(pa.table({"uri": ["a", "b"], "image_id": ["1", "2"]})).create_view("images")
        lock(con, SandboxLimits())
        yield con


@pytest.mark.parametrize(
    "statement", [text for text, _ in (*READS, *WRITES, *SETTINGS)], ids=lambda t: t[:60]
)
def test_an_unchecked_statement_reads_no_file_and_leaves_no_trace(con, tmp_path, statement):
    statement = statement.replace("{secret}", str(tmp_path / "secret.txt")).replace(
        "{out}", str(tmp_path / "o")
    )
    settings = "select name, value from duckdb_settings() where name <> 'search_path' order by name"
    before = con.execute(settings).fetchall()
    answer = None
    con.execute(BEGIN)
    with contextlib.suppress(duckdb.Error):
        answer = con.execute(statement).fetchall()
    with contextlib.suppress(duckdb.Error):
        con.execute("rollback")
    assert SECRET not in str(answer)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert con.execute("from images").fetchall() == [("a", "1"), ("b", "2")]
    assert con.execute(settings).fetchall() == before
    assert con.execute("select count(*) from duckdb_databases() where not internal").fetchone() == (1,)


def test_what_a_read_only_transaction_wrote_is_not_there(con):
    con.execute(BEGIN)
    with pytest.raises(duckdb.Error, match="read-only"):
        con.execute("create table mine as select 1")
    con.execute("rollback")
    assert con.execute("from images").fetchall()


@pytest.mark.parametrize(("text", "size"), [("1GB", 10**9), ("512 MiB", 2**29), ("0.5gb", 5 * 10**8)])
def test_amounts_of_memory_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "1TB", "-1GB", "GB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(InvalidInputError):
        parse_size(text)
