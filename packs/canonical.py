"""JSON in one form only, so that the same content has the same bytes and any other byte is found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..store import DataError


def to_canonical(value: Mapping[str, Any]) -> bytes:
    """`value` as UTF-8 JSON: sorted names, two spaces of indentation, a newline at the end, no NaN."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def parse_canonical(data: bytes, what: str) -> dict[str, Any]:
    """The object in `data`. Raises DataError for another form of the same content, and for no JSON object."""
    try:
        value = json.loads(data)
        same = isinstance(value, dict) and to_canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} cannot be read: {error}") from error
    if not same:
        raise DataError(f"{what} is not written as Attribase writes it")
    return dict(value)
