"""A table of rows as text to read, or as CSV, JSON, Arrow or Parquet to pass on."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from ..store.errors import InvalidInputError


def format_table(table: pa.Table, fmt: str = "table", max_rows: int = 100) -> str | bytes:
    """`table` in a format: `table`, `csv` and `json` are text, `arrow` (an IPC stream) and `parquet` bytes.

    Only `table` is cut, after `max_rows` rows, and says so; the others are complete. JSON is a list of
    objects with sorted keys; what is not finite becomes null.

    Raises InvalidInputError for another format.
    """
    if fmt == "table":
        return _as_text(table, max_rows)
    if fmt not in FORMATS:
        raise InvalidInputError(f"there is no format {fmt!r}", hint=f"use table, {', '.join(FORMATS)}")
    return FORMATS[fmt](table)


def _as_text(table: pa.Table, max_rows: int) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in table.schema:
        number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        shown.add_column(column.name, justify="right" if number else "left", no_wrap=True)
    for row in table.slice(0, max_rows).to_pylist(maps_as_pydicts=None):
        shown.add_row(*(_cell(row[name]) for name in table.column_names))
    out = io.StringIO()
    console = Console(file=out, width=10_000, markup=False, highlight=False, emoji=False, color_system=None)
    if table.num_columns:
        console.print(shown)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    if table.num_rows > max_rows:
        lines.append(f"({max_rows} of {table.num_rows} rows)")
    return "".join(f"{line}\n" for line in lines)


def _cell(value: Any) -> str:
    """A value on one line, short enough to stand beside others."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        items = [_cell(item) for item in value[:4]]
        more = [f"... {len(value)} in all"] if len(value) > 4 else []
        return f"[{', '.join(items + more)}]"
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text if len(text) <= 120 else f"{text[:117]}..."


def _as_csv(table: pa.Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for batch in table.to_batches(max_chunksize=1024):
        for row in batch.to_pylist():
            writer.writerow([_flat(row[name]) for name in table.column_names])
    return out.getvalue()


def _flat(value: Any) -> Any:
    """A CSV field: lists and structs as JSON, times in ISO format."""
    plain = _plain(value)
    return json.dumps(plain, sort_keys=True, ensure_ascii=False) if isinstance(plain, list | dict) else plain


def _as_json(table: pa.Table) -> str:
    return json.dumps([_plain(row) for row in table.to_pylist()], sort_keys=True, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """`value` in what JSON can say."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _as_arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _as_parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


FORMATS: dict[str, Callable[[pa.Table], str | bytes]] = {
    "csv": _as_csv,
    "json": _as_json,
    "arrow": _as_arrow,
    "parquet": _as_parquet,
}
