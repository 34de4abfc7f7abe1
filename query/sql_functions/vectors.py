"""From a vector of arguments to a vector of answers: what has the same options is asked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from ...store.errors import AttribaseError

Options: TypeAlias = tuple[Any, ...]
Columns: TypeAlias = tuple[list[int], dict[str, list[Any]]]
"""How many rows each item has, and the rows of all items, column by column."""

Ask: TypeAlias = Callable[[list[str], Options], Columns]


def answer_column(
    items: Sequence[str | None], options: Sequence[Options], ask: Ask, fields: pa.StructType
) -> pa.Array:
    """A list of structs for each item; null for an item that is null.

    Args:
        items: (n,) what is asked about; each distinct one is asked about once per options.
        options: (n,) how; `ask` is called once for all items that have the same.
        ask: the rows of each of some items.
        fields: of one row.

    Raises what `ask` raises, with the hint in the message: DuckDB hands on nothing else.
    """
    groups: dict[Options, dict[str, int]] = {}
    places = np.full(len(items), -1, np.int64)
    for item, option in zip(items, options, strict=True):
        if item is not None:
            groups.setdefault(option, {}).setdefault(item, 0)
    answers, start = [], 0
    for option, distinct in groups.items():
        for place, item in enumerate(distinct):
            distinct[item] = start + place
        start += len(distinct)
        answers.append(_lists(*_asked(ask, list(distinct), option), fields))
    for row, (item, option) in enumerate(zip(items, options, strict=True)):
        if item is not None:
            places[row] = groups[option][item]
    together = pa.concat_arrays(answers) if answers else pa.array([], pa.list_(fields))
    return together.take(pa.array(places, mask=places < 0))


def _asked(ask: Ask, items: list[str], options: Options) -> Columns:
    try:
        return ask(items, options)
    except AttribaseError as error:
        raise type(error)(f"{error}\n{error.hint}", hint=error.hint) from error


def _lists(lengths: list[int], columns: dict[str, list[Any]], fields: pa.StructType) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    rows = pa.StructArray.from_arrays(arrays, fields=list(fields))
    return pa.ListArray.from_arrays(pa.array(offsets), rows)
