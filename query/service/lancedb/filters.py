"""Conditions of strangers that Lance evaluates: held to columns, literals and functions that cost little.

Lance would evaluate any function of its engine, in this process and without a limit: `repeat('a', 10^10)` is
memory, a regular expression is time, and what is nested a thousand deep is stack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ....store.errors import InvalidInputError, TooLargeError
from ..options import ServiceOptions
from .schemas import QueryBody, readable

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


def chosen_columns(asked: Sequence[str] | Mapping[str, str] | None, known: Sequence[str]) -> dict[str, str]:
    """What the columns of the answer are called, and which column of the table each is.

    Raises InvalidInputError for others: nothing is computed here.
    """
    if asked is None:
        return {name: name for name in known}
    chosen = dict(asked) if isinstance(asked, Mapping) else {name: name for name in asked}
    unknown = [column for column in chosen.values() if column not in known]
    if unknown:
        raise InvalidInputError(
            f"there is no column {unknown[0][:200]!r}", hint=f"there are {', '.join(known)}"
        )
    return chosen


def rows_of(dataset: Any, body: QueryBody, limits: ServiceOptions) -> pa.Table:
    """The rows where the condition holds, `k` of them after `offset`, in the order of the table.

    Raises InvalidInputError for a condition or columns that do not fit, TooLargeError for too much at once.
    """
    schema = readable(dataset)
    columns = chosen_columns(body.columns, schema.names)
    where = checked(dataset, body.filter)
    start = body.offset or 0
    there = max(0, dataset.count_rows(where) - start) if body.k > limits.rows else limits.rows
    count = min(body.k, there)
    if count > limits.rows:
        raise TooLargeError(f"{count:,} rows in one answer", hint=f"set a limit of at most {limits.rows:,}")
    names = list(dict.fromkeys(columns.values()))
    scanner = dataset.scanner(
        columns=names,
        filter=where,
        limit=count,
        offset=start,
        with_row_id=bool(body.with_row_id),
        batch_size=1024,
        scan_in_order=True,
    )
    batches, size = [], 0
    for batch in scanner.to_batches():
        size += batch.nbytes
        if size > limits.answer_bytes:
            raise TooLargeError(
                f"more than {limits.answer_bytes >> 20} MB in one answer",
                hint="ask for fewer rows or columns",
            )
        batches.append(batch)
    table = pa.Table.from_batches(batches, scanner.projected_schema)
    more = {"_rowid": "_rowid"} if body.with_row_id else {}
    return pa.table({new: table[old] for new, old in {**columns, **more}.items()})
