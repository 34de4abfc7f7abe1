"""A user's SQL: parameters bound, several statements, errors in one line with their place."""

import subprocess
import sys

import pyarrow as pa
import pytest
from attribase.query import run_sql
from attribase.query.sql.runner import stream_sql
from attribase.store import InvalidInputError, NotFoundError, Store


def test_a_statement_answers_with_rows(small):
    rows = run_sql(small.store.uri, "select method, count(*) as n from models group by all order by n desc")
    assert rows.to_pylist() == [{"method": "custom-diffusion", "n": 6}, {"method": "none", "n": 1}]


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        ("select uri from images where image_id = $id", {"id": "g001"}),
        ("select uri from images where image_id = ?", ["g001"]),
    ],
)
def test_parameters_are_bound(small, statement, params):
    assert run_sql(small.store.uri, statement, params).to_pylist() == [{"uri": "file:g001"}]
    hostile = "x' or 'a' = 'a"
    params = {"id": hostile} if isinstance(params, dict) else [hostile]
    assert run_sql(small.store.uri, statement, params).num_rows == 0


def test_a_statement_without_a_result_is_an_empty_table(small):
    assert run_sql(small.store.uri, "create temp view mine as select 1").num_rows == 0
    several = "create temp table mine as select 7 as x; select x from mine"
    assert run_sql(small.store.uri, several).to_pylist() == [{"x": 7}]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("selec 1", "selec"),
        ("select nope from images", "nope"),
        ("select bytes from images", "bytes"),
        ("from nowhere", "nowhere"),
        ("select cast('a' as int)", "'a'"),
        ("select $x", "x"),
        ("", "statement"),
    ],
)
def test_errors_are_one_line_with_a_hint(small, statement, says):
    with pytest.raises(InvalidInputError) as error:
        run_sql(small.store.uri, statement)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.hint


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return Store.create(tmp_path_factory.mktemp("empty") / "a.store").uri


@pytest.mark.parametrize(
    ("statement", "place", "says"),
    [
        ("selec 1", "1:1", "selec"),
        ("from\n  nowhere", "2:3", "nowhere"),
        ("select uri,\n\tnope\nfrom images", "2:2", "nope"),
        ("select 'π漢字', nope from images", "1:15", "nope"),
        ("select 1;\nselect uri\nfrom images where (uri = 'a'", "3:26", "syntax"),
        ("select 1; select 2;\n  select nope from images", "2:10", "nope"),
        ("select * from runs r\njoin images i on r.zz = i.uri", "2:18", "zz"),
        ("select\ncast('a' as int)", "2:1", "'a'"),
        ("select foo(1)", "1:8", "foo"),
        ("select " + "1, " * 200 + "nope from images", "1:608", "nope"),
        ("select max(uri), uri from images", "1:18", "GROUP BY"),
    ],
)
def test_errors_say_line_and_column(empty, statement, place, says):
    with pytest.raises(InvalidInputError) as error:
        run_sql(empty, statement)
    assert f" Error at {place}: " in str(error.value)
    assert says in str(error.value)
    line, column = map(int, place.split(":"))
    assert column <= len(statement.split("\n")[line - 1]) + 1
    assert "{" not in str(error.value)
    assert "LINE" not in str(error.value)


@pytest.mark.parametrize("statement", ["select error('boom')", "select $x", "delete from images"])
def test_an_error_without_a_place_claims_none(empty, statement):
    with pytest.raises(InvalidInputError, match="Error: ") as error:
        run_sql(empty, statement)
    assert " at " not in str(error.value).partition(": ")[0]


def test_an_error_in_the_middle_of_the_rows_has_its_place_too(empty):
    statement = "select case when i = 900000 then 'x' else i::varchar end::int as n from range(1000000) t(i)"
    with (
        stream_sql(empty, statement) as rows,
        pytest.raises(InvalidInputError, match="Conversion Error at 1:57"),
    ):
        for _ in rows.batches:
            pass


def test_statements_run_in_turn_each_with_its_parameters(empty):
    text = (
        "create temp table t as select $a::int as x; insert into t select $b::int; select sum(x) as s from t"
    )
    assert run_sql(empty, text, {"a": "3", "b": 4}).to_pylist() == [{"s": 7}]


def test_an_error_of_an_earlier_statement_is_raised(empty):
    with pytest.raises(InvalidInputError, match="boom"):
        run_sql(empty, "select error('boom'); select 1")


def test_text_takes_the_type_that_its_place_needs(empty):
    numbers = "select i from range(20) t(i) where i >= $low order by i limit $most"
    assert run_sql(empty, numbers, {"low": "10", "most": "2"}).to_pylist() == [{"i": 10}, {"i": 11}]
    texts = "select x from (values ('007'), ('7')) t(x) where x = $x"
    assert run_sql(empty, texts, {"x": "007"}).to_pylist() == [{"x": "007"}]
    moments = "select timestamp '2026-01-02' > $t as later"
    assert run_sql(empty, moments, {"t": "2026-01-01"}).to_pylist() == [{"later": True}]


def test_a_parameter_that_nothing_names_is_a_mistake(empty):
    with pytest.raises(InvalidInputError, match=r"\$cas"):
        run_sql(empty, "select $case", {"case": "a", "cas": "b"})


def test_a_large_answer_takes_little_memory(empty):
    code = f"""
import resource, io
from attribase.query.sql.formats import write_rows
from attribase.query.sql.runner import stream_sql
class Nowhere(io.RawIOBase):
    def writable(self): return True
    def write(self, data): return len(data)
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def write(rows, fmt):
    with stream_sql({empty!r}, f"select i, repeat('x', 200) as s from range({{rows}}) t(i)") as found:
        write_rows(found, fmt, Nowhere())
for fmt in ("arrow", "parquet", "table"):
    write(1000, fmt)
before = peak()
for fmt in ("arrow", "parquet", "table"):
    write(1_500_000, fmt)
print(peak() - before)
"""
    grown = int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
    assert grown < 150  # the rows are 300 MB


def test_python_variables_are_no_tables(small):
    params = statement = pa.table({"a": [1]})  # noqa: F841
    with pytest.raises(InvalidInputError):
        run_sql(small.store.uri, "from params")


def test_the_store_cannot_be_written(small):
    for statement in ("delete from images", "insert into members values ('a', 'b')", "drop table images"):
        with pytest.raises(InvalidInputError):
            run_sql(small.store.uri, statement)
    assert small.store.count("images") == 230


def test_no_store_is_not_found(tmp_path):
    with pytest.raises(NotFoundError):
        run_sql(tmp_path / "none", "select 1")


def test_of_several_statements_the_last_one_answers(small):
    assert run_sql(small.store.uri, "select 1 as a; select 2 as b").to_pylist() == [{"b": 2}]
    bound = run_sql(small.store.uri, "select count(*) from images;\nselect $x::int as b;\n", {"x": "3"})
    assert bound.to_pylist() == [{"b": 3}]
    more = "create table t as select 5 as a; from range(100000); insert into t values (6); from t order by a"
    assert run_sql(small.store.uri, more).to_pylist() == [{"a": 5}, {"a": 6}]
    with pytest.raises(InvalidInputError, match="boom"):
        run_sql(small.store.uri, "select error('boom') from range(5000); select 2")


def test_text_that_is_no_unicode_is_one_line_of_error(small):
    for statement, params in (("select '\udce9'", None), ("select $x", {"x": "\udce9"})):
        with pytest.raises(InvalidInputError, match="no character"):
            run_sql(small.store.uri, statement, params)
