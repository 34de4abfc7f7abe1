"""Rows in a format, written as they come: text, data for programs, or a document to read or print.

A file's ending names its format (`format_of`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..json_values import json_text, json_value
from .documents import write_html, write_markdown, write_pdf, write_xlsx
from .python_values import python_rows, python_values
from .runner import Rows
from .text import csv_field, table_lines

MAX_ROWS = 100

ROW_GROUP = 1 << 17
"""Rows of a Parquet row group."""


def format_table(table: pa.Table, fmt: str = "table", max_rows: int = MAX_ROWS) -> str | bytes:
    """`table` in a format, in memory: bytes for those of `BINARY` (`arrow` is an IPC stream), else text.

    Raises as `write_rows`.
    """
    out = io.BytesIO()
    write_rows(Rows(table.schema, iter(table.to_batches())), fmt, out, max_rows)
    return out.getvalue() if fmt in BINARY else out.getvalue().decode()


def write_rows(
    rows: Rows,
    fmt: str,
    out: BinaryIO,
    max_rows: int = MAX_ROWS,
    *,
    width: int | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write rows to `out` as they come, so that a result of any size takes the memory of a batch.

    Only `table` is cut, after `max_rows` rows, and ends with the total; the others are complete. JSON is a
    list of objects with sorted keys, JSON lines are one object a line; NaN and infinity become null. Text is
    UTF-8. Names that repeat are numbered (`unique_names`) in JSON and Parquet, whose readers know columns by
    name. Numbers of CSV have six decimals, and six digits where they are smaller; JSON, Arrow and
    Parquet have all digits, xlsx 16.

    Args:
        rows: what is written.
        fmt: `table`, or a name of `WRITERS` or `DOCUMENTS`.
        out: where to.
        max_rows: rows of a `table`.
        width: characters of a line of a `table`; None cuts nothing.
        about: lines on what the rows are, for the formats of `DOCUMENTS`: name to text.

    Raises:
        InvalidInputError: another format, a value that the format cannot hold, or more rows than it can.
        MissingDependencyError: a PDF without the library that writes it.
    """
    if fmt != "table" and fmt not in FORMATS:
        raise InvalidInputError(f"there is no format {fmt!r}", hint=f"use {', '.join(FORMATS)}")
    try:
        if fmt == "table":
            for line in table_lines(rows, max_rows, width):
                out.write(f"{line}\n".encode())
        elif fmt in DOCUMENTS:
            DOCUMENTS[fmt](rows, out, about or {})
        else:
            WRITERS[fmt](rows, out)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InvalidInputError(
            f"the rows cannot be written as {fmt}: {reason}",
            hint="cast the column to text in the statement: column::text",
        ) from error


def format_of(path: Path) -> str:
    """The format that a file's ending names. Raises InvalidInputError for an ending that names none."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in ENDINGS:
        what = f"the ending .{ending}" if ending else "a file without an ending"
        raise InvalidInputError(
            f"{what} names no format: {path.name}",
            hint=f"end it in .{', .'.join(ENDINGS)}, or give --format",
        )
    return ENDINGS[ending]


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


def _write_csv(rows: Rows, out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.schema.names)
    for batch in rows.batches:
        writer.writerows([csv_field(value) for value in row] for row in python_rows(batch))
    text.detach()


def _write_jsonl(rows: Rows, out: BinaryIO) -> None:
    names = unique_names(rows.schema.names)
    for batch in rows.batches:
        for row in python_rows(batch):
            out.write(json_text(dict(zip(names, row, strict=True)), sort_keys=True).encode() + b"\n")


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
    schema = pa.schema(fields, rows.schema.metadata)
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
    "jsonl": _write_jsonl,
    "arrow": _write_arrow,
    "parquet": _write_parquet,
}
"""Formats for programs."""

DOCUMENTS: dict[str, Callable[[Rows, BinaryIO, Mapping[str, str]], None]] = {
    "xlsx": write_xlsx,
    "md": write_markdown,
    "html": write_html,
    "pdf": write_pdf,
}
"""Formats to read or print, which say what the rows are."""

FORMATS = ("table", *WRITERS, *DOCUMENTS)
"""Every format by name."""

BINARY = ("arrow", "parquet", "xlsx", "pdf")
"""The formats that are bytes, not text."""

ENDINGS = {
    "txt": "table",
    **{name: name for name in (*WRITERS, *DOCUMENTS)},
    "ndjson": "jsonl",
    "htm": "html",
    "markdown": "md",
}
"""The format of each ending of a file."""
