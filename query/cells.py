"""Single values as a table, CSV or JSON shows them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ..store.errors import InvalidInputError

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


def flat(value: Any) -> Any:
    """A CSV field: lists and structs as JSON, times in ISO format."""
    said = plain(value)
    return json.dumps(said, sort_keys=True, ensure_ascii=False) if isinstance(said, list | dict) else said


def plain(value: Any) -> Any:
    """`value` in what JSON can say: null for what is not finite, hexadecimal for bytes."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):  # sums of integers come as decimals
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
