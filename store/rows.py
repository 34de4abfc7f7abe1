"""Rows that fit a table: the columns and types of its schema, and each key once."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from .columns import key_columns
from .errors import InvalidInputError

Rows: TypeAlias = "pa.Table | Sequence[Mapping[str, Any]]"


def validate_rows(table: str, schema: pa.Schema, rows: Rows) -> pa.Table:
    """`rows` with exactly the columns and types of `schema`; nullable columns left out become null.

    Raises InvalidInputError for unknown columns, missing or null keys, values that do not fit (a vector
    of another length, an overflow) and vectors that are not finite.
    """
    given = rows if isinstance(rows, pa.Table) else _columns(table, schema, rows)
    unknown = [name for name in given.schema.names if name not in schema.names]
    if unknown:
        raise InvalidInputError(
            f"{table} has no column {', '.join(map(repr, unknown))}",
            hint=f"its columns are {', '.join(schema.names)}",
        )
    arrays = [_fit(table, field, given) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _columns(table: str, schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Python rows as a table of the columns that any of them names."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    arrays = []
    for name in names:
        values = [row.get(name) for row in rows]
        kind = schema.field(name).type if name in schema.names else None
        try:
            arrays.append(pa.array(values, kind))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise _misfit(table, name, str(kind), error) from error
    return pa.table(dict(zip(names, arrays, strict=True)))


def _fit(table: str, field: pa.Field, given: pa.Table) -> pa.ChunkedArray:
    """One column in its type, checked."""
    if field.name not in given.schema.names:
        column = pa.chunked_array([pa.nulls(given.num_rows, field.type)])
    else:
        column = given[field.name]
    if column.type != field.type:
        try:
            column = column.cast(field.type)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise _misfit(table, field.name, str(field.type), error) from error
    if not field.nullable and column.null_count:
        raise InvalidInputError(
            f"{table}.{field.name} is missing in {column.null_count} of {given.num_rows} rows",
            hint=f"give every row a value of type {field.type}",
        )
    if pa.types.is_fixed_size_list(field.type):
        _check_finite(table, field.name, column)
    return column


def _check_finite(table: str, name: str, column: pa.ChunkedArray) -> None:
    """One NaN in a vector would poison every similarity that it takes part in."""
    for chunk in column.chunks:
        values = chunk.flatten()  # honours offsets and leaves null vectors out
        finite = pc.all(pc.is_finite(values), min_count=0).as_py()
        if values.null_count or not finite:
            raise InvalidInputError(
                f"{table}.{name} holds vectors with null, NaN or infinite values",
                hint="check the encoder's output; leave such items out and record them as failures",
            )


def _misfit(table: str, name: str, kind: str, error: Exception) -> InvalidInputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InvalidInputError(f"{table}.{name} does not fit: {reason}", hint=f"it is of type {kind}")


def unique_by_key(rows: pa.Table, *, keep: str) -> pa.Table:
    """`rows` with each key once: the 'first' or the 'last' row of it, in the order given.

    Lance inserts a key twice when one batch holds it twice.
    """
    keys = key_columns(rows.schema)
    numbered = rows.select(keys).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    pick = "min" if keep == "first" else "max"
    chosen = numbered.group_by(keys).aggregate([("row", pick)])
    if chosen.num_rows == rows.num_rows:
        return rows
    return rows.take(chosen[f"row_{pick}"].combine_chunks().sort())
