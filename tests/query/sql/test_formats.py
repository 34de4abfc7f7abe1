"""Rows as text, JSON, CSV, Arrow and Parquet: they read back, in batches of any size."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.query import format_table, run_sql
from attribase.query.sql.formats import format_of, write_rows
from attribase.query.sql.runner import Rows
from attribase.store import InvalidInputError, Store


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return Store.create(tmp_path_factory.mktemp("empty") / "a.store").uri


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
    table = run_sql(empty, "select 1 as a, 2 as a, 3 as a_1, 4 as a")
    assert format_table(table, "csv") == "a,a,a_1,a\n1,2,3,4\n"
    assert format_table(table, "table").splitlines()[-1].split() == ["1", "2", "3", "4"]
    assert pa.ipc.open_stream(format_table(table, "arrow")).read_all().equals(table)
    numbered = {"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}  # where a name is free
    assert json.loads(format_table(table, "json")) == [numbered]
    assert pq.read_table(io.BytesIO(format_table(table, "parquet"))).to_pylist() == [numbered]


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


def test_a_table_is_cut_to_a_width_but_no_number_is():
    table = pa.table({"n": [1234567.5], "caption": ["a long caption " * 5], "creator": ["someone " * 5]})
    out = io.BytesIO()
    write_rows(Rows(table.schema, iter(table.to_batches())), "table", out, width=60)
    lines = out.getvalue().decode().splitlines()
    assert max(map(len, lines)) <= 60
    assert "1.23457e+06" in lines[-1]
    assert lines[-1].count("…") == 2


def test_csv_has_six_decimals_and_six_digits_of_small_numbers():
    numbers = [0.10909090909090909, 1764198318.1234567, 1.23456789e-7, 1e22, 0.5, 0.0, float("-inf")]
    read = format_table(pa.table({"x": numbers, "y": pa.array([0.1] * 7, pa.float32())}), "csv").split()[1:]
    assert [row.split(",")[0] for row in read] == [
        "0.109091",
        "1764198318.123457",
        "1.23457e-07",
        "1e+22",
        "0.5",
        "0.0",
        "-inf",
    ]
    assert {row.split(",")[1] for row in read} == {"0.1"}


def test_json_lines_are_the_objects_of_json(rows):
    lines = format_table(rows, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(format_table(rows, "json"))


def test_an_ending_names_a_format_and_an_unknown_one_is_refused():
    names = {"a.csv": "csv", "b.XLSX": "xlsx", "c.d.ndjson": "jsonl", "e.htm": "html", "f.txt": "table"}
    assert {name: format_of(Path(name)) for name in names} == names
    for name in ("a.foo", "rows", ".csv"):
        with pytest.raises(InvalidInputError, match="names no format"):
            format_of(Path(name))


def test_an_unknown_format_is_refused(rows):
    with pytest.raises(InvalidInputError, match="xml"):
        format_table(rows, "xml")
