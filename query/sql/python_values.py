"""Values of Arrow columns as Python has them; as text those that Python has no type for.

These are times with nanoseconds, at infinity, before Christ, after the year 9999 or at 24:00, and intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
INFINITE_DATE = 2**31 - 1
INFINITE_TIMESTAMP = 2**63 - 1
DAY_SECONDS = 86_400


def python_rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of Python values; not as dicts, because names may repeat (`select a, a`)."""
    return zip(*map(python_values, batch.columns), strict=True)


def python_values(column: pa.Array) -> list[Any]:
    """The values of a column, one by one only where Python lacks a type."""
    if not _may_change(column.type):
        try:
            values: list[Any] = column.to_pylist()
        except (OverflowError, ValueError, KeyError, pa.ArrowException):
            pass
        else:
            return values
    return [python_value(scalar) for scalar in column]


def _may_change(kind: pa.DataType) -> bool:
    """Whether `to_pylist` changes values: intervals, 24:00, and nanoseconds where pandas is installed."""
    inner = (kind.field(at).type for at in range(kind.num_fields))
    changes = pa.types.is_interval(kind) or pa.types.is_time(kind) or _has_nanoseconds(kind)
    return changes or any(map(_may_change, inner))


def _has_nanoseconds(kind: pa.DataType) -> bool:
    """Whether values are times in nanoseconds, which Arrow returns as pandas' where that is installed."""
    return (pa.types.is_timestamp(kind) or pa.types.is_time64(kind)) and bool(kind.unit == "ns")


def python_value(scalar: pa.Scalar) -> Any:
    """One value, at any depth."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if pa.types.is_union(kind) or pa.types.is_dictionary(kind):
        return python_value(scalar.value)
    if pa.types.is_struct(kind):
        return {field.name: python_value(scalar[at]) for at, field in enumerate(kind)}
    if pa.types.is_map(kind):
        return [(python_value(entry[0]), python_value(entry[1])) for entry in scalar.values]
    if kind.num_fields:
        return [python_value(item) for item in scalar.values]
    if pa.types.is_interval(kind):
        return interval_text(*scalar.as_py())
    if pa.types.is_time(kind) and scalar.value >= DAY_SECONDS * PER_SECOND[kind.unit]:
        return _time_text(scalar)
    try:
        return _in_microseconds(scalar).as_py() if _has_nanoseconds(kind) else scalar.as_py()
    except (OverflowError, ValueError, KeyError):
        return _time_text(scalar)


def _in_microseconds(scalar: pa.Scalar) -> pa.Scalar:
    """A time as Python can hold it. Raises ArrowInvalid, a ValueError, where it needs nanoseconds."""
    kind = scalar.type
    return scalar.cast(pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else pa.time64("us"))


def interval_text(months: int, days: int, nanoseconds: int) -> str:
    """An interval as DuckDB writes it: `1 year 2 days 00:00:03.5`."""
    sign = -1 if months < 0 else 1
    years, rest = divmod(abs(months), 12)
    counts = ((sign * years, "year"), (sign * rest, "month"), (days, "day"))
    parts = [f"{count} {unit}{'' if abs(count) == 1 else 's'}" for count, unit in counts if count]
    if nanoseconds or not parts:
        minus = "-" if nanoseconds < 0 else ""
        parts.append(minus + _clock(abs(nanoseconds), PER_SECOND["ns"]))
    return " ".join(parts)


def _time_text(scalar: pa.Scalar) -> str:
    """A date or time beyond Python's, in ISO format; before Christ and at infinity as DuckDB writes it."""
    kind, value = scalar.type, scalar.value
    if pa.types.is_date(kind):
        return _infinity(value, INFINITE_DATE) or _date(value)
    per_second = PER_SECOND[kind.unit]
    if pa.types.is_time(kind):
        return _clock(value, per_second)
    if infinity := _infinity(value, INFINITE_TIMESTAMP):
        return infinity
    days, rest = divmod(value, DAY_SECONDS * per_second)
    date = _date(days)
    separator = " " if date.endswith(")") else "T"
    return f"{date}{separator}{_clock(rest, per_second)}{'' if kind.tz is None else '+00:00'}"


def _infinity(value: int, infinite: int) -> str:
    return "infinity" if value == infinite else "-infinity" if value == -infinite else ""


def _date(days: int) -> str:
    """The day so many days after 1970-01-01, in the Gregorian calendar."""
    year, month, day = str(np.datetime64(days, "D")).rsplit("-", 2)
    return f"{year}-{month}-{day}" if int(year) > 0 else f"{1 - int(year):04}-{month}-{day} (BC)"


def _clock(value: int, per_second: int) -> str:
    """A time of day, or a duration, with the digits of a second that it has."""
    seconds, part = divmod(value, per_second)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    digits = f"{part:0{len(str(per_second)) - 1}}".rstrip("0") if part else ""
    return f"{text}.{digits}" if digits else text
