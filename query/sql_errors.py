"""DuckDB's errors as one line with the place, and what to do next."""

from __future__ import annotations

import json

from ..store.errors import InvalidInputError

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
