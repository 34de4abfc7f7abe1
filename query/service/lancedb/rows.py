"""Rows of a table as LanceDB's client reads them without a vector: which rows and which columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ....store.errors import InvalidInputError, TooLargeError
from ...search.condition import Condition
from ...search.lance_filter import lance_filter, parse_lance_filter
from ..options import ServiceOptions
from .schemas import QueryBody, readable_schema

BATCH_ROWS = 1024
FILTER_HINT = "filters are written like item_kind = 'image' and item_id in ('a', 'b')"


def validate_filter(dataset: Any, condition: Condition | str | None) -> str | None:
    """The filter as Lance evaluates it on `dataset`; None where it is empty.

    Raises InvalidInputError for a function that is not allowed, a filter that is too long or deep, or one
    that does not fit the columns of the table.
    """
    if isinstance(condition, str) and condition.strip():
        condition = parse_lance_filter(condition)
    if not isinstance(condition, Condition):
        return None
    text = lance_filter(condition, dataset.schema.names)
    try:
        dataset.scanner(columns=[], filter=text, with_row_id=True).explain_plan()
    except (pa.ArrowException, ValueError, TypeError, OSError, RuntimeError) as error:
        raise InvalidInputError(f"the filter cannot be used: {_reason(error)}", hint=FILTER_HINT) from error
    return text


def select_columns(
    selected: Sequence[str] | Mapping[str, str] | None, known: Sequence[str]
) -> dict[str, str]:
    """The columns of the response by name, and the column of the table that each one is.

    `selected`: names, or new names with the column of each; None selects all. Raises InvalidInputError for a
    column that is not `known`: expressions are not evaluated.
    """
    if selected is None:
        return {name: name for name in known}
    columns = dict(selected) if isinstance(selected, Mapping) else {name: name for name in selected}
    unknown = [column for column in columns.values() if column not in known]
    if unknown:
        raise InvalidInputError(
            f"there is no column {unknown[0][:200]!r}", hint=f"there are {', '.join(known)}"
        )
    return columns


def read_rows(dataset: Any, body: QueryBody, limits: ServiceOptions) -> pa.Table:
    """The rows that the filter holds for, `k` of them after `offset`, in the order of the table.

    Raises InvalidInputError for a filter or columns that do not fit, TooLargeError for more than `limits`.
    """
    columns = select_columns(body.columns, readable_schema(dataset).names)
    where = validate_filter(dataset, body.filter)
    scanner = dataset.scanner(
        columns=list(dict.fromkeys(columns.values())),
        filter=where,
        limit=_row_count(dataset, where, body, limits),
        offset=body.offset or 0,
        with_row_id=bool(body.with_row_id),
        batch_size=BATCH_ROWS,
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
    if body.with_row_id:
        columns = {**columns, "_rowid": "_rowid"}
    return pa.table({new: table[old] for new, old in columns.items()})


def _row_count(dataset: Any, where: str | None, body: QueryBody, limits: ServiceOptions) -> int:
    """How many rows to read. LanceDB's client sends a huge `k` for all: then they are counted first."""
    if body.k <= limits.rows:
        return body.k
    there = int(dataset.count_rows(where)) - (body.offset or 0)
    count = min(body.k, max(0, there))
    if count > limits.rows:
        raise TooLargeError(f"{count:,} rows in one answer", hint=f"set a limit of at most {limits.rows:,}")
    return count


def _reason(error: Exception) -> str:
    """Lance's message without the location in its source."""
    return str(error).partition(", /")[0].splitlines()[0][:300]
