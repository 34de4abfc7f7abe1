"""Every type of DuckDB in every format, with the right value."""

import csv
import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.query import connect, format_table
from attribase.query.sql.formats import write_rows
from attribase.query.sql.python_values import python_values
from attribase.query.sql.runner import stream_sql
from attribase.store import Store

HUGE = 2**127 - 1
POINT = "0101000000000000000000f03f0000000000000040"

VALUES = {
    "true": (True, True),
    "(-128)::tinyint": (-128, -128),
    "255::utinyint": (255, 255),
    "(-32768)::smallint": (-32768, -32768),
    "65535::usmallint": (65535, 65535),
    "7": (7, 7),
    "4294967295::uinteger": (2**32 - 1, 2**32 - 1),
    "'-9223372036854775808'::bigint": (-(2**63), -(2**63)),
    "18446744073709551615::ubigint": (2**64 - 1, 2**64 - 1),
    f"{HUGE}::hugeint": (Decimal(HUGE), HUGE),
    f"'-{HUGE}'::hugeint": (Decimal(-HUGE), -HUGE),
    f"{2**128 - 1}::uhugeint": (str(2**128 - 1), str(2**128 - 1)),
    f"'{10**50 + 7}'::bignum": (str(10**50 + 7), str(10**50 + 7)),
    "1.5::float": (1.5, 1.5),
    "0.1::double": (0.1, 0.1),
    "'nan'::double": ("nan", None),
    "'-infinity'::double": (float("-inf"), None),
    "1.25::decimal(4, 2)": (Decimal("1.25"), 1.25),
    "'12345678901234567890123456789012345.678'::decimal(38, 3)": (
        Decimal("12345678901234567890123456789012345.678"),
        "12345678901234567890123456789012345.678",
    ),
    "'é\"x,y'": ('é"x,y', 'é"x,y'),
    "''": ("", ""),
    """'{"a": 1}'::json""": ('{"a": 1}', '{"a": 1}'),
    "'\\xff\\x00'::blob": (b"\xff\x00", "ff00"),
    "'10110'::bit": ("10110", "10110"),
    "'00000000-0000-0000-0000-0000000000ff'::uuid": ("00000000-0000-0000-0000-0000000000ff",) * 2,
    "date '2024-02-29'": (date(2024, 2, 29), "2024-02-29"),
    "date 'infinity'": ("infinity",) * 2,
    "date '-infinity'": ("-infinity",) * 2,
    "date '20000-01-01'": ("20000-01-01",) * 2,
    "date '0044-03-15 (BC)'": ("0044-03-15 (BC)",) * 2,
    "time '12:34:56.789'": (time(12, 34, 56, 789000), "12:34:56.789000"),
    "time '24:00:00'": ("24:00:00",) * 2,
    "'12:34:56.123456789'::time_ns": ("12:34:56.123456789",) * 2,
    "timetz '12:34:56+02'": ("12:34:56+02",) * 2,
    "timestamp '2024-01-02 03:04:05.678901'": (
        datetime(2024, 1, 2, 3, 4, 5, 678901),
        "2024-01-02T03:04:05.678901",
    ),
    "'2024-01-02 03:04:05'::timestamp_s": (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),
    "'2024-01-02 03:04:05.678'::timestamp_ms": (
        datetime(2024, 1, 2, 3, 4, 5, 678000),
        "2024-01-02T03:04:05.678000",
    ),
    "'2024-01-02 03:04:05.123456789'::timestamp_ns": ("2024-01-02T03:04:05.123456789",) * 2,
    "'2024-01-02 03:04:05+02'::timestamptz": (
        datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC),
        "2024-01-02T01:04:05+00:00",
    ),
    "'2024-01-02 03:04:05.123456789+02'::timestamptz_ns": ("2024-01-02T01:04:05.123456789+00:00",) * 2,
    "timestamp 'infinity'": ("infinity",) * 2,
    "timestamptz '-infinity'": ("-infinity",) * 2,
    "timestamp '290000-01-01'": ("290000-01-01T00:00:00",) * 2,
    "timestamp '0044-03-15 (BC) 01:02:03'": ("0044-03-15 (BC) 01:02:03",) * 2,
    "interval '14 months 2 days 3.5 seconds'": ("1 year 2 months 2 days 00:00:03.5",) * 2,
    "'b'::enum('a', 'b')": ("b", "b"),
    "[1, null, 3]": ([1, None, 3],) * 2,
    "[]": ([], []),
    "[1, 2]::integer[2]": ([1, 2],) * 2,
    "{'a': 1, 'b': 'x'}": ({"a": 1, "b": "x"},) * 2,
    "row(1, 'x')": ({"element1": 1, "element2": "x"},) * 2,
    "{}": ({}, {}),
    "map {'k': 1}": ([("k", 1)], [["k", 1]]),
    "map {1: 'x', 2: 'y'}": ([(1, "x"), (2, "y")], [[1, "x"], [2, "y"]]),
    "map {{'a': 1}: 'x'}": ([({"a": 1}, "x")], [[{"a": 1}, "x"]]),
    "union_value(num := 2)": (2, 2),
    "{'a': 1, 'd': date '2024-01-01'}::variant": ('{"a":1,"d":"2024-01-01"}',) * 2,
    "'POINT (1 2)'::geometry": (bytes.fromhex(POINT), POINT),
    "get_type(1::tinyint)": ("TINYINT", "TINYINT"),
    "null": (None, None),
    f"[{2**128 - 1}::uhugeint, null]": ([str(2**128 - 1), None],) * 2,
    "{'t': timetz '12:34:56+02', 'b': '101'::bit}": ({"t": "12:34:56+02", "b": "101"},) * 2,
    "map {1::uhugeint: interval 1 day}": ([("1", "1 day")], [["1", "1 day"]]),
    "row('1'::bignum, 2)": ({"element1": "1", "element2": 2},) * 2,
    "['101'::bit]::bit[1]": (["101"],) * 2,
    "union_value(u := 3::uhugeint)": ("3", "3"),
    "[timestamp 'infinity', timestamp '2024-01-01']": (
        ["infinity", datetime(2024, 1, 1)],
        ["infinity", "2024-01-01T00:00:00"],
    ),
}
"""A value of each type as SQL; what it is in Python (nan as text, since it equals nothing) and in JSON."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One row of all values, in each format, as the command line writes it."""
    uri = Store.create(tmp_path_factory.mktemp("empty") / "a.store").uri
    statement = "select " + ", ".join(f"{value} as v{at}" for at, value in enumerate(VALUES))
    texts = {}
    for fmt in ("table", "csv", "json", "arrow", "parquet"):
        with stream_sql(uri, f"set timezone = 'UTC'; {statement}") as rows:
            out = io.BytesIO()
            write_rows(rows, fmt, out)
        texts[fmt] = out.getvalue()
    return texts


def comparable(value):
    return "nan" if isinstance(value, float) and value != value else value


def test_every_type_of_duckdb_is_tried():
    con = duckdb.connect()
    known = {name for (name,) in con.sql("select distinct logical_type from duckdb_types()").fetchall()}
    tried = {con.sql(f"select {value} as v").types[0].id.upper() for value in VALUES}
    assert known - {"NULL"} <= tried | {"DOUBLE"}


@pytest.mark.parametrize("at", range(len(VALUES)), ids=list(VALUES))
def test_a_value_is_right_in_json_csv_and_arrow(written, at):
    in_python, in_json = list(VALUES.values())[at]
    assert json.loads(written["json"])[0][f"v{at}"] == in_json
    arrow = pa.ipc.open_stream(written["arrow"]).read_all()
    (value,) = python_values(arrow[f"v{at}"].combine_chunks())
    assert comparable(value) == in_python
    field = next(csv.DictReader(io.StringIO(written["csv"].decode())))[f"v{at}"]
    if isinstance(in_json, list | dict):
        assert json.loads(field) == in_json
    elif isinstance(in_python, float) or in_python == "nan":
        assert field == str(in_python)
    else:
        assert field == ("" if in_json is None else str(in_json))


@pytest.mark.parametrize("at", range(len(VALUES)), ids=list(VALUES))
def test_a_value_is_right_in_parquet(written, at):
    in_python, in_json = list(VALUES.values())[at]
    column = pq.read_table(io.BytesIO(written["parquet"]))[f"v{at}"].combine_chunks()
    (value,) = python_values(column)
    if pa.types.is_string(column.type) and isinstance(in_json, int | list | dict):
        assert json.loads(value) == in_json  # a type that Parquet does not have
    else:
        assert comparable(value) == in_python


def test_a_table_has_a_line_for_all_values(written):
    header, _line, row = written["table"].decode().splitlines()
    assert header.split() == [f"v{at}" for at in range(len(VALUES))]
    for shown in ("1 year 2 months 2 days 00:00:03.5", "290000-01-01T00:00:00", "10110", "ff00", str(10**50)):
        assert shown[:45] in row


@pytest.mark.parametrize(
    "interval",
    [
        "0 days",
        "-1 day",
        "1 month",
        "-13 months 2 days",
        "25 hours",
        "-3.25 seconds",
        "12 months",
        "1 microsecond",
        "-1 year 1 day",
    ],
)
def test_intervals_are_written_as_duckdb_writes_them(interval):
    con = duckdb.connect()
    table = con.sql(f"select interval '{interval}' as i, [interval '{interval}'] as l").to_arrow_table()
    ((wanted,),) = con.sql(f"select (interval '{interval}')::varchar").fetchall()
    assert json.loads(format_table(table, "json")) == [{"i": wanted, "l": [wanted]}]


def test_rows_of_cast_columns_keep_their_order_and_stream(tmp_path):
    uri = Store.create(tmp_path / "a.store").uri
    statement = "select i::uhugeint as u, i, hash(i) as h from range(100000) as t(i) order by h"
    with stream_sql(uri, statement) as rows:
        batches = list(rows.batches)
    assert len(batches) > 10
    table = pa.Table.from_batches(batches)
    assert table["h"].to_pylist() == sorted(table["h"].to_pylist())
    assert table["u"].to_pylist() == [str(i) for i in table["i"].to_pylist()]


def test_python_gets_duckdbs_own_types(tmp_path):
    con = connect(Store.create(tmp_path / "a.store").uri)
    assert con.sql(f"select {2**128 - 1}::uhugeint").fetchall() == [(2**128 - 1,)]
