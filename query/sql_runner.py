"""Run a user's SQL over a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..store.errors import InvalidInputError
from .connection import connect


def run_sql(
    uri: str | Path, statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None
) -> pa.Table:
    """The rows of `statement` over all tables and views of the store at `uri`.

    Args:
        uri: the store.
        statement: DuckDB SQL. Several statements separated by `;` run in turn; the last one answers.
        params: values for `$name` (a mapping) or `?` (a sequence), bound and never pasted in.

    Raises:
        InvalidInputError: what DuckDB says against the statement, in one line.
        NotFoundError: no store there.
    """
    import duckdb  # imported late: `import attribase` stays light

    con = connect(uri)
    try:
        # Names in a statement are tables of the store, never Python variables that happen to be in scope.
        con.execute("set python_enable_replacements = false")
        if not duckdb.extract_statements(statement):
            raise InvalidInputError("there is no statement to run", hint='for example "from metrics"')
        answer = con.sql(statement, params=params or None)
        return pa.table({}) if answer is None else answer.to_arrow_table()
    except duckdb.Error as error:
        raise InvalidInputError(one_line(error), hint=_hint(error)) from error
    finally:
        con.close()


def one_line(error: Exception) -> str:
    """What DuckDB says, without the excerpt of the statement that follows."""
    text = str(error).partition("\n\nLINE ")[0]
    return " ".join(text.split())


def _hint(error: Exception) -> str:
    import duckdb

    if isinstance(error, duckdb.CatalogException):
        return 'list tables and views: attribase -s STORE query sql "show tables"'
    if isinstance(error, duckdb.BinderException):
        return 'list the columns: attribase -s STORE query sql "describe TABLE"; blobs cannot be selected'
    return "mind DuckDB's SQL: https://duckdb.org/docs/sql/introduction"
