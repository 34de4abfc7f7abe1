"""Rows as a table to read, or as CSV, JSON, Arrow or Parquet for programs; written as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..json_values import json_text, json_value
from .python_values import python_rows, python_values
from .runner import Rows

MAX_ROWS = 100
MAX_TEXT = 120
"""Characters of a value in a table."""

MAX_ITEMS = 4
"""Items of a list in a table."""

ROW_GROUP = 1 << 17
"""Rows of a Parquet row group."""


def format_table(table: pa.Table, fmt: str = "table", max_rows: int = MAX_ROWS) -> str | bytes:
    """`table` in a format: `table`, `csv` and `json` are text, `arrow` (an IPC stream) and `parquet` bytes.

    As `write_rows`, in memory.

    Raises InvalidInputError for another format.
    """
    out = io.BytesIO()
    write_rows(Rows(table.schema, iter(table.to_batches())), fmt, out, max_rows)
    return out.getvalue() if fmt in BINARY else out.getvalue().decode()


def write_rows(rows: Rows, fmt: str, out: BinaryIO, max_rows: int = MAX_ROWS) -> None:
    """Write rows to `out` as they come, so that a result of any size takes the memory of a batch.

    Only `table` is cut, after `max_rows` rows, and ends with the total; the others are complete. JSON is a
    list of objects with sorted keys; NaN and infinity become null. Text is UTF-8. Names that repeat are
    numbered (`unique_names`) in JSON and Parquet, whose readers know columns by name.

    Raises InvalidInputError for another format, or a value that the format cannot hold.
    """
    if fmt != "table" and fmt not in WRITERS:
        raise InvalidInputError(f"there is no format {fmt!r}", hint=f"use table, {', '.join(WRITERS)}")
    try:
        if fmt == "table":
            for line in _table_lines(rows, max_rows):
                out.write(f"{line}\n".encode())
        else:
            WRITERS[fmt](rows, out)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InvalidInputError(
            f"the rows cannot be written as {fmt}: {reason}",
            hint="cast the column to text in the statement: column::text",
        ) from error


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, each once: of `a, a, b` the second becomes `a_1`, or the first `a_N` that is free."""
    taken, unique = set(names), []
    for name in names:
        new, number = name, 0
        while new in unique or (number and new in taken):
            number += 1
            new = f"{name}_{number}"
        unique.append(new)
    return unique


def _table_lines(rows: Rows, max_rows: int) -> Iterator[str]:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in rows.schema:
        kind = column.type
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        drawn.add_column(column.name, justify="right" if number else "left", no_wrap=True)
    total = 0
    for batch in rows.batches:
        for row in python_rows(batch.slice(0, max(0, max_rows - total))):
            drawn.add_row(*(short_text(value) for value in row))
        total += batch.num_rows
    text = io.StringIO()
    console = Console(file=text, width=10_000, markup=False, highlight=False, emoji=False, color_system=None)
    if len(rows.schema):
        console.print(drawn)
    yield from (line.rstrip() for line in text.getvalue().splitlines() if line.strip())
    if total > max_rows:
        yield f"({max_rows} of {total} rows)"


def short_text(value: Any) -> str:
    """A value on one line of a table, cut to MAX_TEXT characters."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        items = [short_text(item) for item in value[:MAX_ITEMS]]
        more = [f"... {len(value)} in all"] if len(value) > MAX_ITEMS else []
        return f"[{', '.join(items + more)}]"
    if isinstance(value, bytes):
        value = value.hex()
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _write_csv(rows: Rows, out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.schema.names)
    for batch in rows.batches:
        writer.writerows([csv_field(value) for value in row] for row in python_rows(batch))
    text.detach()


def csv_field(value: Any) -> Any:
    """A CSV field: lists and structs as JSON, times in ISO format, numbers that are not finite as text."""
    if isinstance(value, float):
        return value
    field = json_value(value)
    return json_text(field, sort_keys=True) if isinstance(field, list | dict) else field


def _write_json(rows: Rows, out: BinaryIO) -> None:
    names = unique_names(rows.schema.names)
    objects = (
        json_text(dict(zip(names, row, strict=True)), sort_keys=True)
        for row in chain.from_iterable(python_rows(batch) for batch in rows.batches)
    )
    out.write(b"[" + next(objects, "").encode())
    for text in objects:
        out.write(b", " + text.encode())
    out.write(b"]\n")


def _write_arrow(rows: Rows, out: BinaryIO) -> None:
    with pa.ipc.new_stream(out, rows.schema) as writer:
        for batch in rows.batches:
            writer.write_batch(batch)


def _write_parquet(rows: Rows, out: BinaryIO) -> None:
    import pyarrow.parquet as pq

    names = unique_names(rows.schema.names)
    fields = [_parquet_field(field.with_name(name)) for name, field in zip(names, rows.schema, strict=True)]
    schema = pa.schema(fields)
    with pq.ParquetWriter(out, schema) as writer:
        for batches in _row_groups(_as_schema(batch, schema) for batch in rows.batches):
            writer.write_table(pa.Table.from_batches(batches, schema))


def _parquet_field(field: pa.Field) -> pa.Field:
    """The field as Parquet stores it: text for a type that it does not have, such as intervals and unions."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetWriter(io.BytesIO(), pa.schema([field])):
            return field
    except pa.ArrowNotImplementedError:
        return pa.field(field.name, pa.string())


def _as_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns under the names of `schema`; values of another type than there as text or JSON."""
    columns = [
        column
        if column.type == field.type
        else pa.array([_json_or_text(value) for value in python_values(column)], field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema) if columns else batch


def _json_or_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(json_value(value), sort_keys=True)


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches gathered until they have ROW_GROUP rows."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(one.num_rows for one in group) >= ROW_GROUP:
            yield group
            group = []
    if group:
        yield group


WRITERS: dict[str, Callable[[Rows, BinaryIO], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "arrow": _write_arrow,
    "parquet": _write_parquet,
}
BINARY = ("arrow", "parquet")
"""The formats that are bytes, not text."""
