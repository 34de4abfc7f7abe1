"""A parsed condition as a filter that Lance evaluates on the columns of one table.

Lance would evaluate any function of its engine, in this process and without a limit: `repeat('a', 10^10)` is
memory, and what is nested a thousand deep is stack. Its parser also differs from DuckDB's: "x" in double
quotes is text to Lance. So Lance never gets the user's text, only what this module writes from the tree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from ...store.errors import InvalidInputError
from ...store.lookup import quote
from .condition import Condition, Node, check_functions, invalid_condition, parse_condition

MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 30
MAX_TERMS = 500

COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "!=",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
CONJUNCTIONS = {"CONJUNCTION_AND": " AND ", "CONJUNCTION_OR": " OR "}
OPERATORS = {
    "OPERATOR_NOT": "(NOT {0})",
    "OPERATOR_IS_NULL": "({0} IS NULL)",
    "OPERATOR_IS_NOT_NULL": "({0} IS NOT NULL)",
    "ARRAY_EXTRACT": "{0}[{1}]",
}
PREFIX_OPERATORS = ("+", "-")
INFIX_OPERATORS = {
    **{name: name for name in ("+", "-", "*", "/", "%", "||")},
    "~~": "LIKE",
    "!~~": "NOT LIKE",
    "~~*": "ILIKE",
    "!~~*": "NOT ILIKE",
}
FUNCTION_NAMES = """
abs array_contains array_has btrim char_length contains date_part ends_with length lower ltrim nullif
round rtrim starts_with strpos upper
"""
FUNCTIONS = {name: name for name in FUNCTION_NAMES.split()} | {"trim": "btrim"}
ALLOWED = frozenset([*FUNCTIONS, *INFIX_OPERATORS])
TYPES = {
    "VARCHAR": "string",
    "STRING": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}


def parse_lance_filter(text: str) -> Condition:
    """Parse a condition that Lance may evaluate. InvalidInputError: see `parse_condition`."""
    return parse_condition(text, max_characters=MAX_CHARACTERS)


def lance_filter(condition: Condition, columns: Sequence[str]) -> str:
    """The condition in Lance's SQL, over a table with these `columns`.

    A name in double quotes is text, as Lance reads it.

    Raises InvalidInputError for another column, a function or operator that is not allowed, more than
    MAX_DEPTH levels or MAX_TERMS terms of `and` and `or`.
    """
    check_functions(condition, ALLOWED, hint=f"there are {', '.join(sorted(FUNCTIONS))}")
    return _Writer(condition, columns).write(condition.tree)


class _Writer:
    """Writes the expressions of one condition."""

    def __init__(self, condition: Condition, columns: Sequence[str]) -> None:
        self._condition = condition
        self._columns = {name.lower(): name for name in columns}
        self._terms = 0

    def write(self, node: Node, depth: int = 0) -> str:
        """One expression and its parts, in parentheses where it has any."""
        if depth > MAX_DEPTH:
            raise self._too_large()
        below = partial(self.write, depth=depth + 1)
        match node["class"]:
            case "COLUMN_REF":
                return self._column(node)
            case "CONSTANT":
                return self._constant(node["literal"])
            case "COMPARISON" if node["type"] in COMPARISONS:
                return f"({below(node['left'])} {COMPARISONS[node['type']]} {below(node['right'])})"
            case "CONJUNCTION":
                self._terms += len(node["children"])
                if self._terms > MAX_TERMS:
                    raise self._too_large()
                return f"({CONJUNCTIONS[node['type']].join(map(below, node['children']))})"
            case "BETWEEN" if node["type"] == "COMPARE_BETWEEN":
                return f"({below(node['input'])} BETWEEN {below(node['lower'])} AND {below(node['upper'])})"
            case "CAST" if not node["try_cast"] and node["type_expr"]["type_name"].upper() in TYPES:
                return f"CAST({below(node['child'])} AS {TYPES[node['type_expr']['type_name'].upper()]})"
            case "OPERATOR":
                return self._operator(node["type"], [below(part) for part in node["children"]])
            case "FUNCTION":
                parts = [below(argument["expression"]) for argument in node["arguments"]]
                return self._function(node["function_name"], parts)
        raise self._not_allowed(node["type"])

    def _column(self, node: Node) -> str:
        name = ".".join(node["column_names"])
        if self._condition.is_double_quoted(node):
            return quote(name)
        if name.lower() not in self._columns:
            raise invalid_condition(self._condition.text, f"there is no column {name[:100]!r}")
        return f"`{self._columns[name.lower()]}`"

    def _constant(self, literal: Node) -> str:
        match literal["kind"], str(literal["text"]):
            case "STRING", text:
                return quote(text)
            case "INTEGER", text:
                return str(int(text))
            case "NUMERIC", text if math.isfinite(float(text)):
                return repr(float(text))
            case "BOOLEAN", ("true" | "false") as text:
                return text
            case "NULL_LITERAL", _:
                return "NULL"
        raise self._not_allowed(f"{literal['kind']} constant")

    def _operator(self, kind: str, parts: list[str]) -> str:
        if kind in OPERATORS:
            return OPERATORS[kind].format(*parts)
        if kind == "COMPARE_IN":
            return f"({parts[0]} IN ({', '.join(parts[1:])}))"
        if kind == "OPERATOR_COALESCE":
            return f"coalesce({', '.join(parts)})"
        raise self._not_allowed(kind)

    def _function(self, name: str, parts: list[str]) -> str:
        if name in FUNCTIONS:
            return f"{FUNCTIONS[name]}({', '.join(parts)})"
        if len(parts) == 2:
            return f"({parts[0]} {INFIX_OPERATORS[name]} {parts[1]})"
        if len(parts) == 1 and name in PREFIX_OPERATORS:
            return f"({name} {parts[0]})"
        raise self._not_allowed(name)

    def _not_allowed(self, kind: str) -> InvalidInputError:
        return invalid_condition(
            self._condition.text, f"{kind.lower().replace('_', ' ')} is not allowed in a filter"
        )

    @staticmethod
    def _too_large() -> InvalidInputError:
        return InvalidInputError(
            "the condition is too deep or too long", hint="use `in (...)`, or split it into several"
        )
