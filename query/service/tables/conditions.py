"""Conditions of strangers that Lance evaluates: held to columns, literals and functions that cost little.

Lance would evaluate any function of its engine, in this process and without a limit: `repeat('a', 10^10)` is
memory, a regular expression is time, and what is nested a thousand deep is stack.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from ....store.errors import InvalidInputError

FUNCTIONS = {
    *(
        "abs",
        "array_contains",
        "array_has",
        "btrim",
        "cast",
        "char_length",
        "coalesce",
        "contains",
        "date_part",
    ),
    *("ends_with", "floor", "ceil", "length", "lower", "ltrim", "nullif", "round", "rtrim", "starts_with"),
    *("strpos", "substr", "trim", "upper"),
}
WORDS = {
    "and",
    "or",
    "not",
    "in",
    "like",
    "ilike",
    "is",
    "between",
    "when",
    "then",
    "else",
    "case",
    "timestamp",
}
CLAUSES = {
    "select",
    "from",
    "order",
    "group",
    "limit",
    "offset",
    "having",
    "union",
    "window",
    "qualify",
    "where",
}
"""Lance parses `SELECT 1 FROM t WHERE ...`, and passes over what may follow a condition there."""

DEPTH = 30
TERMS = 500

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*\(")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HINT = "conditions are written like item_kind = 'image' and item_id in ('a', 'b')"


def names_in(condition: str) -> set[str]:
    """All words of a condition outside its text literals, in lower case."""
    return {name.lower() for name in _NAME.findall(_LITERAL.sub("''", condition))}


def checked(dataset: Any, condition: str | None) -> str | None:
    """`condition` if Lance may evaluate it on `dataset`; None where it is empty.

    Raises InvalidInputError: another function, too long or deep, or not a condition over the table's columns.
    """
    if condition is None or not condition.strip():
        return None
    bare = _LITERAL.sub("''", condition)
    if any(mark in bare for mark in ("'" * 3, "--", "/*", ";", "$", "\\", "\0")) or bare.count("'") % 2:
        raise InvalidInputError("the condition holds what no condition needs", hint=HINT)
    called = {name.lower() for name in _CALL.findall(bare)} - WORDS
    if called - FUNCTIONS:
        raise InvalidInputError(
            f"{min(called - FUNCTIONS)[:100]} cannot be called in a condition",
            hint=f"there are {', '.join(sorted(FUNCTIONS))}",
        )
    words = [name.lower() for name in _NAME.findall(bare)]
    if CLAUSES & set(words):
        raise InvalidInputError(f"{min(CLAUSES & set(words))} is no part of a condition", hint=HINT)
    deep = _depth(bare) + words.count("not") + words.count("case") + bare.count("[")
    if deep > DEPTH or words.count("and") + words.count("or") > TERMS or re.search(r"[-+~!]{4}", bare):
        raise InvalidInputError("the condition is too deep or too long", hint="use `in (...)`, or ask twice")
    try:
        dataset.scanner(columns=[], filter=condition, with_row_id=True).explain_plan()
    except (pa.ArrowException, ValueError, TypeError, OSError, RuntimeError) as error:
        raise InvalidInputError(
            f"the condition does not hold together: {_reason(error)}", hint=HINT
        ) from error
    return condition


def _depth(text: str) -> int:
    """How many parentheses are open at once, at most."""
    depth = most = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        most = max(most, depth)
    return most


def _reason(error: Exception) -> str:
    """Lance's message without the place in its source."""
    return str(error).partition(", /")[0].splitlines()[0][:300]
