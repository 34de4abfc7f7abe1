"""How much a stranger's statement may take."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...store.errors import InvalidInputError

UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True)
class Limits:
    """Bounds of one statement: bytes of memory, seconds from start to last row, rows and bytes of an answer.

    `threads` is what one worker may use; `max_statement` counts characters.
    """

    memory: int = 10**9
    seconds: float = 30.0
    max_rows: int = 100_000
    max_cell_bytes: int = 2**20
    max_bytes: int = 64 * 2**20
    max_statement: int = 100_000
    threads: int = 1


def parse_size(text: str) -> int:
    """Bytes of `1GB`, `512 MiB`. Raises InvalidInputError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)\s*", text.lower())
    if found is None or found[2] not in UNITS:
        raise InvalidInputError(f"{text!r} is no amount of memory", hint="for example 1GB or 512MiB")
    return int(float(found[1]) * UNITS[found[2]])
