"""Validation of untrusted statements: decided on what DuckDB parsed, never on the text.

The first of the three defences that the package names, and the only one whose errors name the reason.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ....store.errors import InvalidInputError
from ..runner import to_user_error
from .allowlist import (
    INFORMATION,
    INTERNAL_PREFIXES,
    INTERNAL_SCHEMAS,
    NODES,
    PARTS,
    REFERENCES,
)
from .functions import FUNCTIONS, SHOWN, TABLE_FUNCTIONS

if TYPE_CHECKING:
    import duckdb

ONE_SELECT = "only one SELECT statement can be run here"
FILES = "files, addresses, settings and extensions are not available here; the store's tables are"
Tree = dict[str, Any]


def validate_statement(con: duckdb.DuckDBPyConnection, text: str, *, max_length: int) -> None:
    """Raise InvalidInputError, with the reason, unless `text` is a single SELECT that only reads tables.

    Args:
        con: any connection of the same DuckDB; it parses, and binds or runs nothing of `text`.
        text: the untrusted statement.
        max_length: the most characters that it may have.
    """
    if len(text) > max_length:
        raise InvalidInputError(
            f"the statement has {len(text)} characters; the limit is {max_length}",
            hint="pass long values as parameters",
        )
    if "\0" in text:
        raise InvalidInputError("there is a NUL character in the statement", hint="send plain text")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can hold half a character: "\\ud83d"
        raise InvalidInputError(
            "the statement is not Unicode text", hint="send complete characters"
        ) from error
    _validate_kind(con, text)
    try:
        ((parsed,),) = con.execute("select json_serialize_sql($1)", [text]).fetchall()
        tree = json.loads(parsed)
        for node in _dicts(tree):
            _validate_node(node)
    except RecursionError as error:
        raise InvalidInputError(
            "the statement is nested too deeply", hint="use fewer nested subqueries and expressions"
        ) from error
    if tree.get("error") is not False:
        raise InvalidInputError(f"{ONE_SELECT} ({tree.get('error_message')})", hint=FILES)


def _validate_kind(con: duckdb.DuckDBPyConnection, text: str) -> None:
    import duckdb

    try:
        statements = con.extract_statements(text)
    except duckdb.Error as error:
        raise to_user_error(error, text) from error
    if not statements:
        raise InvalidInputError("there is no statement to run", hint='for example "from metrics"')
    if len(statements) > 1:
        raise InvalidInputError(f"{ONE_SELECT}; there are {len(statements)}", hint="send them one by one")
    kind = statements[0].type.name
    if kind == "MULTI":  # what a PIVOT becomes that has to look for its columns first
        raise InvalidInputError(
            "this PIVOT would create a type", hint="name its columns: ... on x in ('a', 'b')"
        )
    if kind != "SELECT":
        raise InvalidInputError(f"{ONE_SELECT}, and this is {kind}", hint=FILES)


def _dicts(tree: Any) -> list[Tree]:
    """All objects of a JSON value, without recursion."""
    found: list[Tree] = []
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            found.append(value)
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return found


def _validate_node(node: Tree) -> None:
    kind = node.get("type")
    if "function_name" in node:
        _validate_function(str(node["function_name"]).lower())
    if "class" in node or not isinstance(kind, str):
        return  # an expression: only what it calls matters
    if kind not in NODES and kind not in REFERENCES and kind not in PARTS:
        raise InvalidInputError(f"{ONE_SELECT}, and there is {kind} in it", hint=FILES)
    if kind == "TABLE_FUNCTION":
        _validate_table_function(str(node["function"].get("function_name", "")).lower())
    elif kind == "BASE_TABLE":
        _validate_table(node)
    elif kind == "SHOW_REF":
        _validate_show(node)


def _validate_function(name: str) -> None:
    if name not in FUNCTIONS and name not in TABLE_FUNCTIONS:  # those in `from` are calls, too
        close = get_close_matches(name, FUNCTIONS)
        suggestion = f"is it {' or '.join(close)}? " if close else ""
        raise InvalidInputError(
            f"the function {name[:100]} cannot be called here",
            hint=f"{suggestion}docs/sql.md lists the functions that can, under Untrusted SQL",
        )


def _validate_table_function(name: str) -> None:
    if name not in TABLE_FUNCTIONS:
        known = ", ".join(sorted(TABLE_FUNCTIONS))
        raise InvalidInputError(f"the table function {name} cannot be called here", hint=f"there are {known}")


def _validate_show(node: Tree) -> None:
    name = str(node.get("table_name", "")).strip('"').lower()
    special = node.get("show_type") == "SHOW_SPECIAL"
    if node.get("show_type") == "SHOW" or (special and name not in SHOWN):
        raise InvalidInputError(
            f"show {name[:100]} cannot be answered here", hint="show tables, describe TABLE, summarize TABLE"
        )


def _validate_table(node: Tree) -> None:
    path = [str(part) for part in node.get("qualified_name", {}).get("path", ())]
    path = path or [str(node.get(part) or "") for part in ("catalog_name", "schema_name", "table_name")]
    *within, table = [part.lower() for part in path if part]
    if not re.fullmatch(r"\w+", table):
        raise InvalidInputError(f"there is no table {table!r}", hint=FILES)
    if "information_schema" in within:
        allowed = table in INFORMATION
    else:
        allowed = not table.startswith(INTERNAL_PREFIXES)
    if not allowed or set(within) & INTERNAL_SCHEMAS:
        raise InvalidInputError(f"{'.'.join(path)} cannot be read here", hint="list what can: show tables")
