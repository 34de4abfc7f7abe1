"""Rows as a table to read, or as CSV, JSON, Arrow or Parquet for programs; written as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..json_values import json_text, json_value
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
    list of objects with sorted keys; NaN and infinity become null. Text is UTF-8.

    Raises InvalidInputError for another format.
    """
    if fmt == "table":
        for line in _table_lines(rows, max_rows):
            out.write(f"{line}\n".encode())
    elif fmt in WRITERS:
        WRITERS[fmt](rows, out)
    else:
        raise InvalidInputError(f"there is no format {fmt!r}", hint=f"use table, {', '.join(WRITERS)}")


def python_rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of Python values; not as dicts, because names may repeat (`select a, a`).

    Raises InvalidInputError for values that Python has no type for: dates after the year 9999, nanoseconds.
    """
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns.append(column.to_pylist())
        except (OverflowError, ValueError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InvalidInputError(
                f"column {name} has a value that cannot be shown: {reason}",
                hint="cast it to text in the statement, column::text, or ask for Arrow",
            ) from error
    return zip(*columns, strict=True)


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
    """A CSV field: lists and structs as JSON, times in ISO format."""
    field = json_value(value)
    return json_text(field, sort_keys=True) if isinstance(field, list | dict) else field


def _write_json(rows: Rows, out: BinaryIO) -> None:
    objects = (
        json_text(dict(zip(rows.schema.names, row, strict=True)), sort_keys=True)
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

    with pq.ParquetWriter(out, rows.schema) as writer:
        for batches in _row_groups(rows.batches):
            writer.write_table(pa.Table.from_batches(batches, rows.schema))


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
