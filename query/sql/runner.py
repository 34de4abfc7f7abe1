"""Run a user's SQL over a store: streamed, with errors that say where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...store import Store
from ...store.errors import InvalidInputError
from .connection import open_connection

if TYPE_CHECKING:
    import duckdb


HINTS = {
    "Catalog": 'list tables and views: attribase -s STORE query sql "show tables"',
    "Binder": 'list the columns: attribase -s STORE query sql "describe TABLE"; blobs cannot be selected',
}
UNBOUND = "give each $name its value: --param NAME=VALUE"
ASKED = "Python exception occurred while executing the UDF: "
"""What DuckDB puts before an error of our own functions: its class and its message follow."""
OTHERWISE = "mind DuckDB's SQL: https://duckdb.org/docs/sql/introduction"


def explained(error: Exception, statement: str) -> InvalidInputError:
    """The error for a user: `Binder Error at 2:8: ...`, line and column counted from 1.

    Args:
        error: DuckDB's, from a connection with `errors_as_json`: its text then holds an object with the
            message and, mostly, the position as a byte offset; otherwise the text is all there is.
        statement: what was run, all of it.
    """
    kind, _, rest = str(error).partition(" Error: ")
    said = _object(rest)
    message = str(said.get("exception_message", rest or kind))
    if ASKED in message:
        return _of_a_function(message.partition(ASKED)[2])
    place = _place(statement, said.get("position")) if rest else ""
    text = f"{kind} Error{place}: {message}" if rest else message
    hint = UNBOUND if "Values were not provided" in message else HINTS.get(kind, OTHERWISE)
    return InvalidInputError(" ".join(text.split()), hint=hint)


def _of_a_function(said: str) -> InvalidInputError:
    """The error of a function of ours: `Class: message`, mostly with a line that is the hint."""
    message, _, hint = said.partition(": ")[2].partition("\n")
    return InvalidInputError(" ".join(message.split()), hint=hint.partition("\n")[0] or OTHERWISE)


def _object(text: str) -> dict[str, str]:
    """The JSON object that `text` starts with, or an empty one."""
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _place(statement: str, position: str | None) -> str:
    """` at line:column` of a byte offset; nothing where there is none or it is not of this text."""
    raw = statement.encode()
    if position is None or not position.isdigit() or int(position) > len(raw):
        return ""
    before = raw[: int(position)].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f" at {line}:{column}"


BATCH_ROWS = 8192
Params = Mapping[str, Any] | Sequence[Any] | None
At = Mapping[str, int] | datetime | str | None


@dataclass(frozen=True)
class Rows:
    """An answer while it comes: read `batches` once, before the connection closes."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def table(self) -> pa.Table:
        """All of it in memory."""
        return pa.Table.from_batches(self.batches, self.schema)


def run_sql(uri: str | Path, statement: str, params: Params = None, at: At = None) -> pa.Table:
    """The rows of `statement` over all tables and views of the store at `uri`.

    Args:
        uri: the store.
        statement: DuckDB SQL. Several statements separated by `;` run in turn; the last one answers.
        params: values for `$name` (a mapping) or `?` (a sequence), bound and never pasted in. Text takes the
            type that its place needs, as a text literal would.
        at: the store as it was, as for `connect`.

    Raises:
        InvalidInputError: what DuckDB says against the statement, in one line, with line and column.
        NotFoundError: no store there, or not at that time.
    """
    with stream_sql(uri, statement, params, at) as rows:
        return rows.table()


@contextmanager
def stream_sql(uri: str | Path, statement: str, params: Params = None, at: At = None) -> Iterator[Rows]:
    """The rows of `statement` as they come, in bounded memory. Arguments and errors as for `run_sql`."""
    con = open_connection(Store.open(uri), at, mentioned_in=statement)
    try:
        # Names in a statement are tables of the store, never Python variables that happen to be in scope.
        con.execute("set python_enable_replacements = false")
        con.execute("set errors_as_json = true")  # only so do errors carry their place
        reader = open_reader(con, statement, params)
        yield Rows(reader.schema, read_batches(reader, statement))
    finally:
        con.close()


def open_reader(
    con: duckdb.DuckDBPyConnection, text: str, params: Params, batch_rows: int = BATCH_ROWS
) -> pa.RecordBatchReader:
    """Run all statements; the rows of the last one as they come, none where it has no answer.

    Raises InvalidInputError; `con` should have `errors_as_json` set, so that it tells the place.
    """
    import duckdb

    try:
        statements = con.extract_statements(text)
        if not statements:
            raise InvalidInputError("there is no statement to run", hint='for example "from metrics"')
        _check_names(statements, params)
        for statement in statements[:-1]:
            con.execute(statement, _bound(statement, params))
        last, bound = statements[-1], _bound(statements[-1], params)
        try:
            answer = con.sql(last, params=bound)
        except (duckdb.BinderException, duckdb.CatalogException):
            con.execute(last, bound)  # fails as well, before it runs, and says where
            raise
        if answer is None:
            return pa.RecordBatchReader.from_batches(pa.schema([]), iter(()))
        return answer.to_arrow_reader(batch_rows)
    except duckdb.Error as error:
        raise explained(error, text) from error


def _bound(statement: duckdb.Statement, params: Params) -> Any:
    """What of `params` this statement names."""
    if not params or not statement.named_parameters:
        return None
    if isinstance(params, Mapping):
        return {name: params[name] for name in statement.named_parameters if name in params}
    return params


def _check_names(statements: list[duckdb.Statement], params: Params) -> None:
    if isinstance(params, Mapping):
        unused = sorted(set(params).difference(*(one.named_parameters for one in statements)))
        if unused:
            raise InvalidInputError(
                f"no statement has the parameter ${unused[0]}", hint="is it spelt the same in both places?"
            )


def read_batches(reader: pa.RecordBatchReader, text: str) -> Iterator[pa.RecordBatch]:
    """The batches of `open_reader(con, text, ...)`. Raises InvalidInputError when it fails on the way."""
    import duckdb

    try:
        yield from reader
    except (duckdb.Error, OSError) as error:  # Arrow hands on DuckDB's errors as OSError
        raise explained(error, text) from error
