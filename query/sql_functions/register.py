"""Give a connection the functions that answer, and each of its schemas the macros that call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from ..session import Snapshot
from ..statements import load_sql
from . import asking
from .vectors import Columns, Options, answer_column

if TYPE_CHECKING:
    import duckdb

Question: TypeAlias = Callable[[Snapshot, list[str], Options], Columns]
Column: TypeAlias = pa.ChunkedArray
Function: TypeAlias = Callable[..., pa.Array]

MACROS = ("attribute", "similar", "influence_by")

_FUNCTIONS = (
    (
        "attribute_rows",
        asking.attributed,
        ["VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"],
        "STRUCT(rank BIGINT, image_id VARCHAR, similarity FLOAT, influence DOUBLE, exact BOOLEAN, "
        "complete BOOLEAN, remaining DOUBLE)[]",
        asking.ATTRIBUTED,
        0,
    ),
    (
        "similar_rows",
        asking.similar,
        ["VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"],
        "STRUCT(rank BIGINT, image_id VARCHAR, similarity FLOAT)[]",
        asking.SIMILAR,
        0,
    ),
    (
        "influence_rows",
        asking.owned,
        ["VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR"],
        "STRUCT(name VARCHAR, influence DOUBLE, images BIGINT)[]",
        asking.OWNED,
        1,
    ),
)


def register_questions(con: duckdb.DuckDBPyConnection, worlds: Mapping[str, Snapshot]) -> None:
    """The functions behind the macros; `worlds` are the snapshots that schemas show.

    They are functions of a connection, not of a schema, so their first argument says which schema asks.
    """
    for name, ask, arguments, returns, fields, item in _FUNCTIONS:
        con.create_function(
            name,
            _function(worlds, ask, fields, item),
            ["VARCHAR", *arguments],
            returns,
            type="arrow",
            null_handling="special",
        )


def add_macros(con: duckdb.DuckDBPyConnection, schema: str) -> None:
    """The macros of one schema, created in the current one.

    CREATE takes no parameters, so the schema's name is put in as text: `main`, or a tag, which is letters,
    digits and _ only (store/tags.py). Names inside a macro are looked up where it is called, not where it
    was created, hence the need to say it at all.
    """
    for name in MACROS:
        con.execute(load_sql(name).replace("$world", f"'{schema}'"))


def _function(worlds: Mapping[str, Snapshot], ask: Question, fields: pa.StructType, item: int) -> Function:
    """An Arrow function of (schema, four arguments), of which the one at `item` is what is asked about."""

    def ask_in(some: list[str], option: Options) -> Columns:
        schema, *rest = option
        return ask(worlds[str(schema)], some, tuple(rest))

    def answer(schema: Column, a: Column, b: Column, c: Column, d: Column) -> pa.Array:
        arguments = [column.to_pylist() for column in (a, b, c, d)]
        items = arguments.pop(item)
        options = list(zip(schema.to_pylist(), *arguments, strict=True))
        return answer_column(items, options, ask_in, fields)

    return answer
