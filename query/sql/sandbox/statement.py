"""Whether a statement is one that strangers may run: decided on what DuckDB parsed, never on the text.

The first of three walls. The connection behind it is locked (lockdown.py) and its transaction read-only; the
process around that has its memory bounded and may be killed (pool.py). This one gives the clear reasons.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ....store.errors import InvalidInputError
from ..runner import to_user_error

if TYPE_CHECKING:
    import duckdb


READ_ONLY = "only one SELECT statement can be run here: reading only"
FILES = "files, addresses, settings and extensions are out of reach here; the store's tables are not"
Tree = dict[str, Any]


def check(con: duckdb.DuckDBPyConnection, text: str, *, longest: int) -> None:
    """Raise InvalidInputError, with the reason, unless `text` is a single SELECT that only reads tables.

    Args:
        con: any connection of the same DuckDB; it parses, and binds or runs nothing of `text`.
        text: what the stranger sent.
        longest: the most characters that it may have.
    """
    if len(text) > longest:
        raise InvalidInputError(
            f"the statement has {len(text)} characters; {longest} are the most", hint="bind long values"
        )
    if "\0" in text:
        raise InvalidInputError("there is a NUL character in the statement", hint="send plain text")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can say half a character: "\\ud83d"
        raise InvalidInputError("the statement is no Unicode text", hint="send whole characters") from error
    _check_kind(con, text)
    try:
        ((parsed,),) = con.execute("select json_serialize_sql($1)", [text]).fetchall()
        tree = json.loads(parsed)
        for node in _dicts(tree):
            _check_node(node)
    except RecursionError as error:
        raise InvalidInputError("the statement is nested too deeply", hint="make it flatter") from error
    if tree.get("error") is not False:
        raise InvalidInputError(f"{READ_ONLY} ({tree.get('error_message')})", hint=FILES)


def _check_kind(con: duckdb.DuckDBPyConnection, text: str) -> None:
    import duckdb

    try:
        statements = con.extract_statements(text)
    except duckdb.Error as error:
        raise to_user_error(error, text) from error
    if not statements:
        raise InvalidInputError("there is no statement to run", hint='for example "from metrics"')
    if len(statements) > 1:
        raise InvalidInputError(f"{READ_ONLY}; there are {len(statements)}", hint="send them one by one")
    kind = statements[0].type.name
    if kind == "MULTI":  # what a PIVOT becomes that has to look for its columns first
        raise InvalidInputError(
            "this PIVOT would create a type", hint="name its columns: ... on x in ('a', 'b')"
        )
    if kind != "SELECT":
        raise InvalidInputError(f"{READ_ONLY}, and this is {kind}", hint=FILES)


def _dicts(tree: Any) -> list[Tree]:
    """All objects of a JSON value, without recursion."""
    found: list[Tree] = []
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.append(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def _check_node(node: Tree) -> None:
    kind = node.get("type")
    if "function_name" in node:
        _check_function(str(node["function_name"]).lower())
    if "class" in node or not isinstance(kind, str):
        return  # an expression: harmless but for what it calls
    if kind not in NODES and kind not in REFERENCES and kind not in PARTS:
        raise InvalidInputError(f"{READ_ONLY}, and there is {kind} in it", hint=FILES)
    if kind == "TABLE_FUNCTION":
        _check_table_function(str(node["function"].get("function_name", "")).lower())
    elif kind == "BASE_TABLE":
        _check_table(node)


def _check_function(name: str) -> None:
    if name in REFUSED_FUNCTIONS or name.startswith(REFUSED_PREFIXES):
        raise InvalidInputError(f"the function {name} cannot be called here", hint=FILES)


def _check_table_function(name: str) -> None:
    if name not in TABLE_FUNCTIONS:
        known = ", ".join(sorted(TABLE_FUNCTIONS))
        raise InvalidInputError(f"the table function {name} cannot be called here", hint=f"there are {known}")


def _check_table(node: Tree) -> None:
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


NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Query nodes that only read. In DuckDB 2 a `with` may also hold INSERT, UPDATE, DELETE and COPY."""

REFERENCES = frozenset(
    {
        "BASE_TABLE",
        "SUBQUERY",
        "JOIN",
        "TABLE_FUNCTION",
        "EXPRESSION_LIST",
        "CTE",
        "EMPTY",
        "EMPTY_FROM",
        "PIVOT",
        "SHOW_REF",
        "COLUMN_DATA",
    }
)

PARTS = frozenset(
    {
        "ORDER_MODIFIER",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER",
        "ASCENDING",
        "DESCENDING",
        "ORDER_DEFAULT",
    }
)
"""What else of a parsed query has a type and is no expression."""

# Not among them: `histogram` and `histogram_values`, macros that take the name of a table as text.
TABLE_FUNCTIONS = frozenset(
    {
        "attribute",
        "generate_series",
        "influence_by",
        "json_each",
        "json_tree",
        "range",
        "repeat",
        "repeat_row",
        "similar",
        "unnest",
    }
)

REFUSED_FUNCTIONS = frozenset(
    {
        # what this process, its user and its machine are
        "getenv",
        "current_setting",
        "getvariable",
        "inet_client_addr",
        "inet_client_port",
        "inet_server_addr",
        "inet_server_port",
        # state that outlives the statement
        "setseed",
        "setval",
        "nextval",
        "currval",
        "write_log",
        # waiting
        "sleep_ms",
        "pg_sleep",
        # states of aggregates, types and plans, as bytes that would be believed
        "combine",
        "finalize",
        "to_aggregate_state",
        "json_serialize_plan",
        "json_deserialize_sql",
        "cast_to_type",
        "create_sort_key",
        "index_key",
        "invoke",
        "make_type",
        "remap_struct",
        "replace_type",
        "stats",
        "variant_bytes_to_variant",
        # what only the store's own views and macros call
        "bootstrap_means",
        "bootstrap_differences",
        "attribute_rows",
        "similar_rows",
        "influence_rows",
    }
)
REFUSED_PREFIXES = ("__internal", "duckdb_", "pragma_", "read_", "parquet_", "sniff_")

INFORMATION = frozenset({"tables", "columns", "schemata"})
"""What of `information_schema` may be read; its other views tell how this connection was made."""
INTERNAL_SCHEMAS = frozenset({"system", "temp", "pg_catalog"})
INTERNAL_PREFIXES = ("duckdb_", "pg_", "sqlite_", "pragma_")
