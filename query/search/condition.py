"""A user's condition over `images` and `members`, evaluated to image ids.

The condition may come from a stranger. So it is parsed first, and refused unless it is one expression made of
columns, constants, comparisons and the functions listed here: no subqueries, no settings, nothing that reads
files. Then it runs on a connection that could not do any of that either, and not for long.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Timer
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..sql_dataset import Relation

if TYPE_CHECKING:
    import duckdb

    from ..features import Pinned

SECONDS = 30.0
LONGEST = 10_000  # characters
SETTINGS = {
    "memory_limit": "'1GB'",
    "enable_progress_bar": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "''",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
CLASSES = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "OPERATOR",
        "TYPE",
    }
)
ALLOWED = """
+ - * / // % ** ^ || -> ->> ~ !~ ~* !~* ~~ !~~ ~~* !~~* ~~~ ^@
like_escape not_like_escape ilike_escape not_ilike_escape
lower upper lcase ucase trim ltrim rtrim length len strlen substring substr left right replace
contains starts_with ends_with prefix suffix instr strpos position split_part concat concat_ws
regexp_matches regexp_full_match regexp_extract strip_accents levenshtein
abs round floor ceil ceiling sign sqrt ln log log10 log2 power pow mod greatest least
ifnull isnan isinf list_value list_contains list_has array_contains
json_extract json_extract_string json_extract_path json_extract_path_text json_exists json_valid
json_contains json_array_length json_type json_value
"""
FUNCTIONS = frozenset(ALLOWED.split())
HINT = (
    "a condition is written like creator = 'someone' and license <> 'CC0'; it may name the columns "
    "of images, and collection"
)


def matching(pinned: Pinned, where: str, *, seconds: float = SECONDS) -> pa.Array:
    """The distinct ids of the images for which `where` holds.

    Columns are those of `images` and, as `collection`, each collection that an image is in: an image in
    several matches when it matches in one of them.

    Raises InvalidInputError for what is no condition over these columns, or takes longer than `seconds`.
    """
    import duckdb  # imported late: `import attribase.query` stays light

    with duckdb.connect() as con:
        try:
            joined = "collection" in _columns(con, where)
            con.from_arrow(Relation(pinned.dataset("images"))).create_view("images")
            candidates = con.view("images")
            if joined:
                con.from_arrow(Relation(pinned.dataset("members"))).create_view("members")
                candidates = con.sql("from images left join members using (image_id)")
            for name, value in SETTINGS.items():
                con.execute(f"set {name} = {value}")
            found = candidates.filter(duckdb.SQLExpression(where)).select("image_id")
            return _run(con, found.distinct() if joined else found, seconds)
        except duckdb.InterruptException as error:
            raise _refused(where, f"it took longer than {seconds:g} seconds") from error
        except (duckdb.Error, OSError) as error:  # Arrow hands on DuckDB's errors as OSError
            raise _refused(where, _reason(error)) from error


def _run(con: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, seconds: float) -> pa.Array:
    timer = Timer(seconds, con.interrupt)
    timer.start()
    try:
        return relation.to_arrow_table()["image_id"].combine_chunks()
    finally:
        timer.cancel()


def _columns(con: duckdb.DuckDBPyConnection, where: str) -> set[str]:
    """The columns that the condition names, in lower case. InvalidInputError where it has no place here."""
    import duckdb

    if len(where) > LONGEST:
        raise InvalidInputError(f"the condition is longer than {LONGEST} characters", hint=HINT)
    if not where.strip():
        raise _refused(where, "it is empty")
    duckdb.SQLExpression(
        where
    )  # raises for what is not one expression, so it cannot leave the brackets below
    text = con.execute("select json_serialize_sql(?::varchar)", [f"select 1 where (\n{where}\n)"]).fetchall()
    try:
        tree = json.loads(text[0][0])
        if tree.get("error", True) or len(tree["statements"]) != 1:
            raise _refused(where, tree.get("error_message", "it is not one expression"))
        return {name for node in _nodes(tree["statements"][0]["node"]) for name in _named(where, node)}
    except RecursionError as error:
        raise _refused(where, "it is nested too deeply") from error


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression of a parsed statement."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for part in tree.values():
            yield from _nodes(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)


def _named(where: str, node: dict[str, Any]) -> Iterator[str]:
    """The column that this expression is; InvalidInputError for an expression that has no place here."""
    kind = node["class"]
    if kind not in CLASSES:
        raise _refused(where, f"{kind.lower().replace('_', ' ')} expressions have no place in a condition")
    if kind == "FUNCTION" and (node["function_name"] not in FUNCTIONS or node.get("schema")):
        raise _refused(where, f"the function {node['function_name']} has no place in a condition")
    if kind == "COLUMN_REF":
        yield str(node["column_names"][-1]).lower()


def _refused(where: str, reason: str) -> InvalidInputError:
    shown = where if len(where) <= 200 else where[:200] + "..."
    return InvalidInputError(f"the condition {shown!r} does not work: {reason}", hint=HINT)


def _reason(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return first.partition("Error: ")[2] or first
