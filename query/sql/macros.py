"""The table macros `attribute`, `similar`, `influence_by` and the like: attribution and search in SQL.

A macro (queries/attribute.sql and so on) calls an Arrow function with the name of its schema and its
arguments, one of which is the item: `attribute_rows('main', 'sample 1', 10, null, null, null)`. The function
returns a list of structs, which the macro unnests to rows. DuckDB calls a function with up to 2048 rows at
once, so that a join over many items takes one search for each distinct set of options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from ...store.errors import AttribaseError
from ...store.lookup import quote
from ..session import Snapshot
from .macro_rows import (
    ATTRIBUTE_FIELDS,
    INFLUENCE_FIELDS,
    SIMILAR_FIELDS,
    Columns,
    Options,
    attribute_rows,
    influence_rows,
    similar_rows,
    similar_text_rows,
)
from .statements import load_sql
from .usage_rows import USAGE_FIELDS, usage_rows

if TYPE_CHECKING:
    import duckdb

MACROS = ("attribute", "similar", "similar_text", "influence_by", "usage_by_owner")

AnswerItems: TypeAlias = Callable[[list[str], Options], Columns]
ArrowFunction: TypeAlias = Callable[..., pa.Array]

DUCKDB_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
}


@dataclass(frozen=True)
class MacroFunction:
    """An Arrow function behind a macro.

    Attributes:
        name: of the SQL function.
        answer: the rows of some items at a snapshot, all with the same options.
        arguments: DuckDB types of the arguments after the schema's name.
        item: which of these is the item; the others are the options, in order.
        fields: of one row.
    """

    name: str
    answer: Callable[[Snapshot, list[str], Options], Columns]
    arguments: tuple[str, ...]
    item: int
    fields: pa.StructType

    def duckdb_type(self) -> str:
        """The type of its result: a list of structs."""
        columns = ", ".join(f"{field.name} {DUCKDB_TYPES[field.type]}" for field in self.fields)
        return f"STRUCT({columns})[]"


FUNCTIONS = (
    MacroFunction(
        "attribute_rows",
        attribute_rows,
        ("VARCHAR", "BIGINT", "VARCHAR", "VARCHAR", "DOUBLE"),
        0,
        ATTRIBUTE_FIELDS,
    ),
    MacroFunction(
        "similar_rows", similar_rows, ("VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"), 0, SIMILAR_FIELDS
    ),
    MacroFunction(
        "similar_text_rows", similar_text_rows, ("VARCHAR", "BIGINT", "VARCHAR"), 0, SIMILAR_FIELDS
    ),
    MacroFunction(
        "influence_rows", influence_rows, ("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR"), 1, INFLUENCE_FIELDS
    ),
    MacroFunction(
        "usage_rows",
        usage_rows,
        ("VARCHAR", "TIMESTAMP", "TIMESTAMP", "VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"),
        0,
        USAGE_FIELDS,
    ),
)


def register_macro_functions(con: duckdb.DuckDBPyConnection, snapshots: Mapping[str, Snapshot]) -> None:
    """Register the functions behind the macros.

    Functions belong to a connection, not to a schema, so their first argument names the schema whose macro
    calls them; `snapshots` has the store that each schema shows.
    """
    for function in FUNCTIONS:
        con.create_function(
            function.name,
            _arrow_function(snapshots, function),
            ["VARCHAR", *function.arguments],
            function.duckdb_type(),
            type="arrow",
            null_handling="special",
        )


def create_macros(con: duckdb.DuckDBPyConnection, schema: str) -> None:
    """Create the macros of `schema`, which must be the current one.

    CREATE takes no parameters, so `$schema` is replaced by a quoted literal. The name has to be in the macro:
    DuckDB resolves names inside a macro where it is called, not where it was created.
    """
    for name in MACROS:
        con.execute(load_sql(name).replace("$schema", quote(schema)))


def _arrow_function(snapshots: Mapping[str, Snapshot], function: MacroFunction) -> ArrowFunction:
    """`function` over columns: the schema's name and its arguments, three to seven."""

    def answer_in_schema(items: list[str], options: Options) -> Columns:
        schema, *rest = options
        return function.answer(snapshots[str(schema)], items, tuple(rest))

    def call(schema: pa.ChunkedArray, *columns: pa.ChunkedArray) -> pa.Array:
        arguments = [column.to_pylist() for column in columns]
        items = arguments.pop(function.item)
        options = list(zip(schema.to_pylist(), *arguments, strict=True))
        return answer_column(items, options, answer_in_schema, function.fields)

    # Spelled out, because DuckDB counts the parameters.
    if len(function.arguments) == 3:
        return lambda schema, a, b, c: call(schema, a, b, c)
    if len(function.arguments) == 4:
        return lambda schema, a, b, c, d: call(schema, a, b, c, d)
    if len(function.arguments) == 5:
        return lambda schema, a, b, c, d, e: call(schema, a, b, c, d, e)
    return lambda schema, a, b, c, d, e, f, g: call(schema, a, b, c, d, e, f, g)


def answer_column(
    items: Sequence[str | None], options: Sequence[Options], answer: AnswerItems, fields: pa.StructType
) -> pa.Array:
    """A list of structs for each item, null for a null item.

    Args:
        items: (n,) sample or image ids; a distinct one is answered once for the same options.
        options: (n,) one tuple an item; `answer` is called once for all items that share one.
        answer: the rows of some items.
        fields: of one row.

    Raises what `answer` raises, with the hint as a second line of the message: DuckDB keeps only the message.
    """
    groups: dict[Options, dict[str, int]] = {}
    for item, option in zip(items, options, strict=True):
        if item is not None:
            groups.setdefault(option, {}).setdefault(item, 0)
    lists, start = [], 0
    for option, positions in groups.items():
        for offset, item in enumerate(positions):
            positions[item] = start + offset
        start += len(positions)
        lists.append(_list_array(*_answer_with_hint(answer, list(positions), option), fields))
    chosen = np.full(len(items), -1, np.int64)
    for row, (item, option) in enumerate(zip(items, options, strict=True)):
        if item is not None:
            chosen[row] = groups[option][item]
    distinct = pa.concat_arrays(lists) if lists else pa.array([], pa.list_(fields))
    return distinct.take(pa.array(chosen, mask=chosen < 0))


def _answer_with_hint(answer: AnswerItems, items: list[str], options: Options) -> Columns:
    try:
        return answer(items, options)
    except AttribaseError as error:
        raise type(error)(f"{error}\n{error.hint}", hint=error.hint) from error


def _list_array(lengths: list[int], columns: dict[str, list[object]], fields: pa.StructType) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    rows = pa.StructArray.from_arrays(arrays, fields=list(fields))
    return pa.ListArray.from_arrays(pa.array(offsets), rows)
