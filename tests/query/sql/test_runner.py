"""A user's SQL: parameters, errors in one line, and formats that read back."""

import csv
import io
import json
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.query import connect, format_table, run_sql
from attribase.query.sql.formats import write_rows
from attribase.query.sql.runner import Rows, stream_sql
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


def test_what_answers_no_rows_is_an_empty_table(small):
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


def test_an_error_in_the_middle_of_an_answer_is_told_like_others(empty):
    statement = "select case when i = 900000 then 'x' else i::varchar end::int as n from range(1000000) t(i)"
    with (
        stream_sql(empty, statement) as rows,
        pytest.raises(InvalidInputError, match="Conversion Error at 1:57"),
    ):
        for _ in rows.batches:
            pass


def test_statements_take_turns_and_each_its_parameters(empty):
    text = (
        "create temp table t as select $a::int as x; insert into t select $b::int; select sum(x) as s from t"
    )
    assert run_sql(empty, text, {"a": "3", "b": 4}).to_pylist() == [{"s": 7}]


def test_an_earlier_statement_that_fails_is_told_too(empty):
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


@pytest.fixture
def rows():
    return pa.table(
        {
            "name": ["a,b", 'say "hi"', None, "two\nlines"],
            "score": pa.array([0.5, float("nan"), None, 1e-9], pa.float64()),
            "tags": [["x", "y"], [], None, ["z"]],
            "at": pa.array([0, None, 1, 2], pa.timestamp("us")),
            "n": pa.array([1, 2, 3, None], pa.int64()),
        }
    )


def test_json_reads_back_with_sorted_keys_and_no_nan(rows):
    text = format_table(rows, "json")
    said = json.loads(text, parse_constant=pytest.fail)
    assert said[0] == {"at": "1970-01-01T00:00:00", "n": 1, "name": "a,b", "score": 0.5, "tags": ["x", "y"]}
    assert said[1]["score"] is None
    assert list(said[0]) == sorted(said[0])


def test_csv_reads_back(rows):
    read = list(csv.DictReader(io.StringIO(format_table(rows, "csv"))))
    assert [row["name"] for row in read] == ["a,b", 'say "hi"', "", "two\nlines"]
    assert json.loads(read[0]["tags"]) == ["x", "y"]
    assert float(read[3]["score"]) == 1e-9


def test_arrow_and_parquet_are_the_rows(rows):
    arrow = pa.ipc.open_stream(format_table(rows, "arrow")).read_all()
    parquet = pq.read_table(io.BytesIO(format_table(rows, "parquet")))
    for again in (arrow, parquet):
        assert str(again.to_pylist()) == str(rows.to_pylist())  # as text, since nan is not nan
        assert again.schema.names == rows.schema.names
    assert arrow.schema == rows.schema


@pytest.mark.parametrize("fmt", ["csv", "json", "arrow", "parquet", "table"])
def test_batches_are_written_as_they_come(rows, fmt):
    """In any cut, also none at all."""
    whole = format_table(rows, fmt)
    for cut in (1, 3):
        out = io.BytesIO()
        write_rows(Rows(rows.schema, iter(rows.to_batches(max_chunksize=cut))), fmt, out)
        if fmt in ("csv", "json", "table"):
            assert out.getvalue().decode() == whole
        else:
            read = pa.ipc.open_stream if fmt == "arrow" else pq.ParquetFile
            again = read(io.BytesIO(out.getvalue()))
            assert str((again.read_all() if fmt == "arrow" else again.read()).to_pylist()) == str(
                rows.to_pylist()
            )
    nothing = format_table(rows.slice(0, 0), fmt)
    if fmt == "json":
        assert nothing == "[]\n"
    elif fmt == "csv":
        assert nothing == "name,score,tags,at,n\n"


def test_sums_of_integers_are_numbers_in_json(empty):
    table = run_sql(empty, "select sum(i) as s, 1.50::decimal(9, 2) as d, count(*) as n from range(5) t(i)")
    assert isinstance(table["s"][0].as_py(), Decimal | int)
    assert json.loads(format_table(table, "json")) == [{"d": 1.5, "n": 5, "s": 10}]


def test_a_column_may_come_twice(empty):
    table = run_sql(empty, "select 1 as a, 2 as a")
    assert format_table(table, "csv") == "a,a\n1,2\n"
    assert format_table(table, "table").splitlines()[-1].split() == ["1", "2"]


@pytest.mark.parametrize("value", ["timestamp 'infinity'", "[date '-infinity']", "timestamp '290000-01-01'"])
def test_a_time_that_python_does_not_know_is_refused_and_arrow_has_it(empty, value):
    table = run_sql(empty, f"select {value} as at")
    for fmt in ("table", "json", "csv"):
        with pytest.raises(InvalidInputError, match="column at"):
            format_table(table, fmt)
    assert pa.ipc.open_stream(format_table(table, "arrow")).read_all() == table


def test_a_table_shows_the_first_rows_and_says_so(rows):
    text = format_table(rows, "table", max_rows=2)
    lines = text.splitlines()
    assert lines[0].split() == rows.column_names
    assert "(2 of 4 rows)" in lines[-1]
    assert "two" not in text
    assert text.endswith("\n")
    assert len(format_table(rows, "table").splitlines()) == 2 + 4  # a broken line would be one more


def test_long_values_are_cut_and_markup_is_text():
    table = pa.table({"a": ["x" * 500, "[red]b[/red]"], "v": [list(range(100)), [1]]})
    text = format_table(table, "table")
    assert max(map(len, text.splitlines())) < 200
    assert "[red]b[/red]" in text
    assert "100 in all" in text


def test_an_unknown_format_is_refused(rows):
    with pytest.raises(InvalidInputError, match="xml"):
        format_table(rows, "xml")


def test_no_progress_is_drawn_where_answers_go(small):
    with connect(small.store.uri) as con:
        assert con.sql("select current_setting('enable_progress_bar')").fetchall() == [(False,)]
