"""Single values as a table, CSV or JSON shows them."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

LONGEST = 120


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
