"""Run a user's SQL over a store: rows as they come, and DuckDB's errors in one line with line and column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from ...store import Store
from ...store.errors import InvalidInputError
from .arrow_casts import cast_for_arrow

if TYPE_CHECKING:
    import duckdb

    from ..time_travel import At

BATCH_ROWS = 8192

Params: TypeAlias = Mapping[str, Any] | Sequence[Any] | None
"""Values for `$name` (a mapping) or `?` (a sequence)."""

HINTS = {
    "Catalog": 'list tables and views: attribase -s STORE query sql "show tables"',
    "Binder": 'list the columns: attribase -s STORE query sql "describe TABLE"; blobs cannot be selected',
}
UNBOUND_HINT = "give each $name its value: --param NAME=VALUE"
DEFAULT_HINT = "see DuckDB's SQL: https://duckdb.org/docs/sql/introduction"

FUNCTION_ERROR = "Python exception occurred while executing the UDF: "
"""What DuckDB puts before an error of the package's own functions: its class and its message follow."""


@dataclass(frozen=True)
class Rows:
    """A streamed result: read `batches` once, before the connection closes."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def table(self) -> pa.Table:
        """All rows in memory."""
        return pa.Table.from_batches(self.batches, self.schema)


def run_sql(uri: str | Path, statement: str, params: Params = None, at: At = None) -> pa.Table:
    """The rows of `statement` over all tables and views of the store at `uri`.

    Args:
        uri: the store.
        statement: DuckDB SQL. Several statements separated by `;` run in turn; the rows are the last one's.
        params: values for `$name` (a mapping) or `?` (a sequence); bound, never put in as text. A string
            is cast to the type that is needed in its place, as a string literal is.
        at: the store as it was, as for `connect`.

    Raises:
        InvalidInputError: DuckDB's error about the statement, in one line, with line and column.
        NotFoundError: no store there, or not at that time.
    """
    with stream_sql(uri, statement, params, at) as rows:
        return rows.table()


@contextmanager
def stream_sql(uri: str | Path, statement: str, params: Params = None, at: At = None) -> Iterator[Rows]:
    """The rows of `statement` as they come, in bounded memory. Arguments and errors as for `run_sql`."""
    from .connection import open_connection

    con = open_connection(Store.open(uri), at, mentioned_in=statement)
    try:
        # Without this, a name in a statement may be a Python variable that happens to be in scope.
        con.execute("set python_enable_replacements = false")
        con.execute("set errors_as_json = true")  # only JSON errors have a position
        reader = open_reader(con, statement, params)
        yield Rows(reader.schema, read_batches(reader, statement))
    finally:
        con.close()


def open_reader(
    con: duckdb.DuckDBPyConnection, text: str, params: Params, batch_rows: int = BATCH_ROWS
) -> pa.RecordBatchReader:
    """Run all statements; the rows of the last one as they come, none where it has no result.

    Values that Arrow has no type for are text (`arrow_casts.py`).

    Raises InvalidInputError, with line and column if `con` has `errors_as_json` set.
    """
    import duckdb

    _check_unicode(text, *(params.values() if isinstance(params, Mapping) else params or ()))
    try:
        statements = con.extract_statements(text)
        if not statements:
            raise InvalidInputError("there is no statement to run", hint='for example "from metrics"')
        _check_names(statements, params)
        for statement in statements[:-1]:
            con.execute(statement, _params_of(statement, params))
            con.complete()  # without its rows, which are not read
        last, bound = statements[-1], _params_of(statements[-1], params)
        try:
            result = con.sql(last, params=bound)
        except (duckdb.BinderException, duckdb.CatalogException):
            con.execute(last, bound)  # fails too, before it runs anything, with the position that `sql` lacks
            raise
        if result is None:
            return pa.RecordBatchReader.from_batches(pa.schema([]), iter(()))
        return cast_for_arrow(result).to_arrow_reader(batch_rows)
    except duckdb.Error as error:
        raise to_user_error(error, text) from error


def read_batches(reader: pa.RecordBatchReader, text: str) -> Iterator[pa.RecordBatch]:
    """The batches of `open_reader(con, text, ...)`. Raises InvalidInputError when it fails midway."""
    import duckdb

    try:
        yield from reader
    except (duckdb.Error, OSError) as error:  # Arrow raises DuckDB's errors as OSError
        raise to_user_error(error, text) from error


def _params_of(statement: duckdb.Statement, params: Params) -> Any:
    """Those of `params` that this statement names."""
    if not params or not statement.named_parameters:
        return None
    if isinstance(params, Mapping):
        return {name: params[name] for name in statement.named_parameters if name in params}
    return params


def _check_unicode(*values: Any) -> None:
    """Raise InvalidInputError for text that is no Unicode: bytes of an argument, lone surrogates of JSON."""
    for value in values:
        try:
            value.encode() if isinstance(value, str) else None
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"the statement or a parameter has what is no character: {value[error.start]!a}",
                hint="write it in UTF-8",
            ) from error


def _check_names(statements: list[duckdb.Statement], params: Params) -> None:
    if isinstance(params, Mapping):
        unused = sorted(set(params).difference(*(one.named_parameters for one in statements)))
        if unused:
            raise InvalidInputError(
                f"no statement has the parameter ${unused[0]}", hint="is it spelt the same in both places?"
            )


def to_user_error(error: Exception, statement: str) -> InvalidInputError:
    """The error for a user: `Binder Error at 2:8: ...`, line and column counted from 1.

    Args:
        error: DuckDB's. On a connection with `errors_as_json` its text has a JSON object with the message and
            mostly the position, a byte offset; otherwise the text is all there is.
        statement: the whole text that was run.
    """
    kind, _, rest = str(error).partition(" Error: ")
    fields = _json_object(rest)
    message = str(fields.get("exception_message", rest or kind))
    if FUNCTION_ERROR in message:
        return _function_error(message.partition(FUNCTION_ERROR)[2])
    place = _line_and_column(statement, fields.get("position")) if rest else ""
    text = f"{kind} Error{place}: {message}" if rest else message
    hint = UNBOUND_HINT if "Values were not provided" in message else HINTS.get(kind, DEFAULT_HINT)
    return InvalidInputError(" ".join(text.split()), hint=hint)


def _function_error(text: str) -> InvalidInputError:
    """An error of the package's own SQL functions: `Class: message`, mostly with a second line, the hint."""
    message, _, hint = text.partition(": ")[2].partition("\n")
    return InvalidInputError(" ".join(message.split()), hint=hint.partition("\n")[0] or DEFAULT_HINT)


def _json_object(text: str) -> dict[str, str]:
    """The JSON object that `text` starts with, or an empty one."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _line_and_column(statement: str, position: str | None) -> str:
    """` at line:column` of a byte offset; empty where there is none or it is beyond the text."""
    raw = statement.encode()
    if position is None or not position.isdigit() or int(position) > len(raw):
        return ""
    before = raw[: int(position)].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f" at {line}:{column}"
