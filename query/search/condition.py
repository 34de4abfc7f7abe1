"""A user's condition on rows: parsed, validated, and evaluated to image ids.

A condition may come from an untrusted client. So it is parsed first, and refused unless it is one expression
made of columns, constants, comparisons and allowed functions: no subqueries, no settings, nothing that reads
files. Then it runs on a connection that could not do any of that either, within a time limit. Lance evaluates
conditions on its own tables; it gets text generated from the parsed tree (`lance_filter`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from threading import Timer
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..sql_dataset import SqlDataset

if TYPE_CHECKING:
    import duckdb

    from ..features import Pinned

Node: TypeAlias = dict[str, Any]
"""One expression as DuckDB serializes it: its `class`, `type` and parts."""

SECONDS = 30.0
MAX_CHARACTERS = 10_000
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
CLASS_NAMES = "BETWEEN CASE CAST COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION OPERATOR TYPE"
CLASSES = frozenset(CLASS_NAMES.split())
FUNCTION_NAMES = """
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
FUNCTIONS = frozenset(FUNCTION_NAMES.split())
HINT = (
    "a condition is written like creator = 'someone' and license <> 'CC0'; it may name the columns "
    "of images, and collection"
)
PREFIX = "select 1 where (\n"


@dataclass(frozen=True)
class Condition:
    """One expression whose parts are all of CLASSES. `columns`: those it names, in lower case."""

    text: str
    tree: Node
    columns: frozenset[str]

    def is_double_quoted(self, node: Node) -> bool:
        """Whether a column reference is written in double quotes."""
        return (PREFIX + self.text).encode()[node["query_location"]] == ord('"')


def parse_condition(text: str, *, max_characters: int = MAX_CHARACTERS) -> Condition:
    """Parse `text`. Nothing is evaluated.

    Raises InvalidInputError for what is not one expression, is too long or too deep, or has a part that is
    not of CLASSES, such as a subquery.
    """
    import duckdb

    if len(text) > max_characters:
        raise InvalidInputError(f"the condition is longer than {max_characters} characters", hint=HINT)
    if not text.strip():
        raise invalid_condition(text, "it is empty")
    try:
        duckdb.SQLExpression(text)  # raises unless it is one expression, which cannot close the bracket below
        with _parser().cursor() as cursor:
            rows = cursor.execute("select json_serialize_sql(?::varchar)", [f"{PREFIX}{text}\n)"]).fetchall()
        statement = json.loads(rows[0][0])
        if statement.get("error", True) or len(statement["statements"]) != 1:
            raise invalid_condition(text, statement.get("error_message", "it is not one expression"))
        query = statement["statements"][0]["node"]
        columns = frozenset(name for node in _nodes(query) for name in _column_names(text, node))
    except RecursionError as error:
        raise invalid_condition(text, "it is nested too deeply") from error
    except duckdb.Error as error:
        raise invalid_condition(text, _reason(error)) from error
    return Condition(text, query["where_clause"], columns)


def check_functions(condition: Condition, allowed: frozenset[str], hint: str = HINT) -> None:
    """Raise InvalidInputError for a function that is not in `allowed`, or is named with a schema."""
    for node in _nodes(condition.tree):
        if node["class"] != "FUNCTION":
            continue
        if node["function_name"] not in allowed or len(node["qualified_name"]["path"]) > 1:
            name = node["function_name"][:100]
            raise invalid_condition(condition.text, f"the function {name} is not allowed", hint)


def matching_image_ids(pinned: Pinned, where: str, *, seconds: float = SECONDS) -> pa.Array:
    """The distinct ids of the images for which `where` holds.

    Columns are those of `images` and, as `collection`, each collection that an image is in: an image in
    several matches when it matches in one of them.

    Raises InvalidInputError for what is no condition over these columns, or takes longer than `seconds`.
    """
    import duckdb  # imported late: `import attribase.query` stays light

    condition = parse_condition(where)
    check_functions(condition, FUNCTIONS)
    with duckdb.connect() as con:
        try:
            joined = "collection" in condition.columns
            con.from_arrow(SqlDataset(pinned.dataset("images"))).create_view("images")
            candidates = con.view("images")
            if joined:
                con.from_arrow(SqlDataset(pinned.dataset("members"))).create_view("members")
                candidates = con.sql("from images left join members using (image_id)")
            for name, value in SETTINGS.items():
                con.execute(f"set {name} = {value}")
            found = candidates.filter(duckdb.SQLExpression(where)).select("image_id")
            return _run(con, found.distinct() if joined else found, seconds)
        except duckdb.InterruptException as error:
            raise invalid_condition(where, f"it took longer than {seconds:g} seconds") from error
        except (duckdb.Error, OSError) as error:  # Arrow raises DuckDB's errors as OSError
            raise invalid_condition(where, _reason(error)) from error


def _run(con: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, seconds: float) -> pa.Array:
    timer = Timer(seconds, con.interrupt)
    timer.start()
    try:
        return relation.to_arrow_table()["image_id"].combine_chunks()
    finally:
        timer.cancel()


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A connection that only parses: opening one takes 25 ms."""
    import duckdb

    return duckdb.connect()


def _nodes(tree: Any) -> Iterator[Node]:
    """Every expression of a parsed statement."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for part in tree.values():
            yield from _nodes(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)


def _column_names(text: str, node: Node) -> Iterator[str]:
    """The column that this expression is, if it is one. InvalidInputError for a class that is not allowed."""
    kind = node["class"]
    if kind not in CLASSES:
        raise invalid_condition(text, f"{kind.lower().replace('_', ' ')} expressions are not allowed")
    if kind == "COLUMN_REF":
        yield str(node["column_names"][-1]).lower()


def invalid_condition(text: str, reason: str, hint: str = HINT) -> InvalidInputError:
    """The error for a condition that cannot be used, with its text shortened."""
    shown = text if len(text) <= 200 else text[:200] + "..."
    return InvalidInputError(f"the condition {shown!r} cannot be used: {reason}", hint=hint)


def _reason(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return first.partition("Error: ")[2] or first
