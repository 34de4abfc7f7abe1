"""Rows as text to read, or as CSV, JSON, Arrow or Parquet to pass on; written as they come."""

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

LONGEST = 120


def rows_of(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of Python values: names may repeat (`select a, a`), so no dicts.

    Raises InvalidInputError for what Python has no value for: dates beyond the year 9999, nanoseconds.
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


def cell(value: Any) -> str:
    """A value on one line, short enough to stand beside others."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        items = [cell(item) for item in value[:4]]
        more = [f"... {len(value)} in all"] if len(value) > 4 else []
        return f"[{', '.join(items + more)}]"
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def csv_field(value: Any) -> Any:
    """A CSV field: lists and structs as JSON, times in ISO format."""
    field = json_value(value)
    return json_text(field, sort_keys=True) if isinstance(field, list | dict) else field


MAX_ROWS = 100


def format_table(table: pa.Table, fmt: str = "table", max_rows: int = MAX_ROWS) -> str | bytes:
    """`table` in a format: `table`, `csv` and `json` are text, `arrow` (an IPC stream) and `parquet` bytes.

    As `write_rows`, in memory.

    Raises InvalidInputError for another format.
    """
    out = io.BytesIO()
    write_rows(Rows(table.schema, iter(table.to_batches())), fmt, out, max_rows)
    return out.getvalue() if fmt in BINARY else out.getvalue().decode()


def write_rows(rows: Rows, fmt: str, out: BinaryIO, max_rows: int = MAX_ROWS) -> None:
    """Write rows to `out` as they come, so that an answer of any size takes the memory of a batch.

    Only `table` is cut, after `max_rows` rows, and says so; the others are complete. JSON is a list of
    objects with sorted keys; what is not finite becomes null. Text is UTF-8.

    Raises InvalidInputError for another format.
    """
    if fmt == "table":
        for line in _table_lines(rows, max_rows):
            out.write(f"{line}\n".encode())
    elif fmt in WRITERS:
        WRITERS[fmt](rows, out)
    else:
        raise InvalidInputError(f"there is no format {fmt!r}", hint=f"use table, {', '.join(WRITERS)}")


def _table_lines(rows: Rows, max_rows: int) -> Iterator[str]:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in rows.schema:
        kind = column.type
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        shown.add_column(column.name, justify="right" if number else "left", no_wrap=True)
    total = 0
    for batch in rows.batches:
        for row in rows_of(batch.slice(0, max(0, max_rows - total))):
            shown.add_row(*(cell(value) for value in row))
        total += batch.num_rows
    text = io.StringIO()
    console = Console(file=text, width=10_000, markup=False, highlight=False, emoji=False, color_system=None)
    if len(rows.schema):
        console.print(shown)
    yield from (line.rstrip() for line in text.getvalue().splitlines() if line.strip())
    if total > max_rows:
        yield f"({max_rows} of {total} rows)"


def _write_csv(rows: Rows, out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.schema.names)
    for batch in rows.batches:
        writer.writerows([csv_field(value) for value in row] for row in rows_of(batch))
    text.detach()


def _write_json(rows: Rows, out: BinaryIO) -> None:
    objects = (
        json_text(dict(zip(rows.schema.names, row, strict=True)), sort_keys=True)
        for row in chain.from_iterable(rows_of(batch) for batch in rows.batches)
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
        for batches in _grouped(rows.batches):
            writer.write_table(pa.Table.from_batches(batches, rows.schema))


def _grouped(batches: Iterator[pa.RecordBatch], rows: int = 1 << 17) -> Iterator[list[pa.RecordBatch]]:
    """Batches put together to row groups that are worth reading."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= rows:
            yield held
            held = []
    if held:
        yield held


WRITERS: dict[str, Callable[[Rows, BinaryIO], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "arrow": _write_arrow,
    "parquet": _write_parquet,
}
BINARY = ("arrow", "parquet")
"""The formats that are no text."""
