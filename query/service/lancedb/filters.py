"""Which rows and columns of a table a request selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ....store.errors import InvalidInputError, TooLargeError
from ...search.condition import Condition
from ...search.lance_filter import lance_filter, parse_lance_filter
from ..options import ServiceOptions
from .schemas import QueryBody, readable

HINT = "conditions are written like item_kind = 'image' and item_id in ('a', 'b')"


def validate_filter(dataset: Any, condition: Condition | str | None) -> str | None:
    """The condition as Lance may evaluate it on `dataset`; None where it is empty.

    Raises InvalidInputError: another function, too long or deep, or not a condition over the table's columns.
    """
    if isinstance(condition, str) and condition.strip():
        condition = parse_lance_filter(condition)
    if not isinstance(condition, Condition):
        return None
    text = lance_filter(condition, dataset.schema.names)
    try:
        dataset.scanner(columns=[], filter=text, with_row_id=True).explain_plan()
    except (pa.ArrowException, ValueError, TypeError, OSError, RuntimeError) as error:
        raise InvalidInputError(f"the condition cannot be used: {_reason(error)}", hint=HINT) from error
    return text


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
    where = validate_filter(dataset, body.filter)
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
