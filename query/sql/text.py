"""Values as text, and rows as a table to read on a terminal, cut to its width where it has one."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ..json_values import json_text, json_value
from .python_values import python_rows
from .runner import Rows

MAX_TEXT = 120
"""Characters of a value in a table."""

DECIMALS = 6
"""Decimals of a number in CSV, and digits of one below 1."""

MAX_ITEMS = 4
"""Items of a list in a table."""

UNCUT = 10_000
"""The width of a table that is not cut."""

NUMBER = re.compile(r"((under|over) )?[\d.,]+ ?([KMG]?B|%)?|")
"""Texts that are numbers to people, and stand at the right of a column."""

GAP = 3
"""Characters between columns, and around the table."""

LEAST = 8
"""Characters that a column of text keeps where a table is cut."""


def table_lines(rows: Rows, max_rows: int, width: int | None = None) -> Iterator[str]:
    """The table, line by line; after `max_rows` rows a line with the total.

    Args:
        rows: what is shown.
        max_rows: how many of them.
        width: characters of a line: columns of text are cut to fit, numbers never. None cuts nothing.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    names = rows.schema.names
    shown: list[list[str]] = []
    total = 0
    for batch in rows.batches:
        shown += (
            [short_text(value) for value in row]
            for row in python_rows(batch.slice(0, max(0, max_rows - total)))
        )
        total += batch.num_rows
    numeric = [
        is_number(field.type) or all(NUMBER.fullmatch(row[at]) for row in shown)
        for at, field in enumerate(rows.schema)
    ]
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    longest = [max([cell_len(name), *(cell_len(row[at]) for row in shown)]) for at, name in enumerate(names)]
    widths = longest if width is None else _fit(longest, numeric, width)
    for name, number, wide in zip(names, numeric, widths, strict=True):
        drawn.add_column(
            name, justify="right" if number else "left", no_wrap=True, overflow="ellipsis", width=wide
        )
    for row in shown:
        drawn.add_row(*row)
    text = io.StringIO()
    console = Console(file=text, width=UNCUT, markup=False, highlight=False, emoji=False, color_system=None)
    if names:
        console.print(drawn)
    yield from (line.rstrip() for line in text.getvalue().splitlines() if line.strip())
    if total > max_rows:
        yield f"({max_rows} of {total} rows)"


def _fit(longest: list[int], numeric: list[bool], width: int) -> list[int]:
    """The width of each column so that a line has `width` characters: the widest texts give way, to LEAST."""
    widths = list(longest)
    over = sum(widths) + GAP * len(widths) - width
    while over > 0:
        at = max(range(len(widths)), key=lambda at: (not numeric[at]) * widths[at])
        if numeric[at] or widths[at] <= LEAST:
            break
        widths[at] -= 1
        over -= 1
    return widths


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type are numbers, which stand at the right of a column."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def short_text(value: Any, most: int = MAX_TEXT) -> str:
    """A value on one line of a table, cut to `most` characters; a float with six digits."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        items = [short_text(item) for item in value[:MAX_ITEMS]]
        more = [f"... {len(value)} in all"] if len(value) > MAX_ITEMS else []
        return f"[{', '.join(items + more)}]"
    if isinstance(value, bytes):
        value = value.hex()
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def csv_field(value: Any) -> Any:
    """A CSV field: lists and structs as JSON, times in ISO format, numbers that are not finite as text.

    A float has DECIMALS decimals, and as many digits where it is smaller: 0.109091, 0.0000123457.
    """
    if isinstance(value, float):
        return round_decimals(value)
    field = json_value(value)
    return json_text(field, sort_keys=True) if isinstance(field, list | dict) else field


def round_decimals(value: float) -> float:
    """The number with DECIMALS decimals, or with as many digits where it is below 1."""
    if not math.isfinite(value) or value == 0:
        return value
    return round(value, max(DECIMALS, DECIMALS - 1 - math.floor(math.log10(abs(value)))))
