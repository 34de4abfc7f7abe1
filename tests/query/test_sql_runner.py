"""A user's SQL: parameters, errors in one line, and formats that read back."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.query import format_table, run_sql
from attribase.store import InvalidInputError, NotFoundError


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
