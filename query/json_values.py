"""JSON of query answers: the one place where NaN and infinity become null and other types become JSON values.

The standard encoder, not orjson: that one writes 1e-9 where these answers have 1e-09, and refuses integers of
more than 64 bits (sums of BIGINT columns), lone surrogates, and the spaces of the command line's output.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np

COMPACT = (",", ":")


def json_value(value: Any) -> Any:
    """`value` as strings, numbers, booleans, nulls, lists and dicts with text keys, at any depth.

    NaN and infinity become null; a decimal becomes an integer where it is one, else a float, or text where a
    float would lose digits; bytes become
    hexadecimal digits, dates and times ISO text; all other types their text.
    """
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return _json_scalar(value)


def json_text(value: Any, *, sort_keys: bool = False, compact: bool = False) -> str:
    """`json_value(value)` as JSON text; characters beyond ASCII are written as they are.

    Args:
        value: what to write.
        sort_keys: order the keys of objects by name.
        compact: leave out the spaces after commas and colons.
    """
    separators = COMPACT if compact else None

    def encode(value: Any) -> str:
        return json.dumps(
            value,
            ensure_ascii=False,
            allow_nan=False,
            default=_json_scalar,
            separators=separators,
            sort_keys=sort_keys,
        )

    try:
        return encode(value)
    except ValueError:  # a number that is not finite: rare, so only then is the value copied
        return encode(json_value(value))


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8; a lone surrogate becomes a question mark."""
    return json_text(value, compact=True).encode("utf-8", errors="replace")


def _json_scalar(value: Any) -> Any:
    """The JSON value of a type that JSON does not have."""
    if isinstance(value, Decimal):  # DuckDB sums integers to decimals
        if not value.is_finite():
            return None
        if value == value.to_integral_value():
            return int(value)
        number = float(value)
        return number if Decimal(repr(number)) == value else format(value, "f")
    if isinstance(value, np.generic):
        return json_value(value.item())
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
