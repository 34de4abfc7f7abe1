"""Types of DuckDB that Arrow does not have: they are cast to text before their values would change.

Without a cast, 340282366920938463463374607431768211455::uhugeint is -1 in Arrow, a time loses its zone, and
bits, large integers and variants are bytes of DuckDB's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .statements import quote_name

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

AS_TEXT = ("uhugeint", "bignum", "bit", "time with time zone", "type")
"""Types that become text. VARIANT becomes JSON."""

NESTED = ("list", "array", "struct", "tuple", "map", "union")


def cast_for_arrow(result: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """`result` with the columns that Arrow cannot hold as text, at any depth; the others are untouched."""
    casts = [arrow_type(kind) for kind in result.types]
    if not any(casts):
        return result
    columns = [
        f"cast(#{number} as {kind}) as {quote_name(name)}" if kind else f"#{number} as {quote_name(name)}"
        for number, (name, kind) in enumerate(zip(result.columns, casts, strict=True), start=1)
    ]
    return result.project(", ".join(columns))


def arrow_type(kind: DuckDBPyType) -> str | None:
    """The SQL type that a value of `kind` is cast to; None where Arrow has the type."""
    name = kind.id
    if name == "variant":
        return "JSON"
    if name in AS_TEXT:
        return "VARCHAR"
    if name not in NESTED:
        return None
    children = [(label, child) for label, child in kind.children if not isinstance(child, int)]
    if name == "union":
        children = children[1:]  # the first is the tag
    inner = [arrow_type(child) for _, child in children]
    if not any(inner):
        return None
    types = [cast or str(child) for cast, (_, child) in zip(inner, children, strict=True)]
    if name == "list":
        return f"{types[0]}[]"
    if name == "array":
        return f"{types[0]}[{dict(kind.children)['size']}]"
    if name in ("map", "tuple"):
        return f"{name}({', '.join(types)})"
    fields = (f"{quote_name(label)} {text}" for (label, _), text in zip(children, types, strict=True))
    return f"{name}({', '.join(fields)})"
