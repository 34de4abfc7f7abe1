"""Rows of a table as LanceDB's client reads them without a vector: which rows and which columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ....store.errors import InvalidInputError, TooLargeError
from ..options import ServiceOptions
from .filter import ROW_ID, FilteredRows, filter_rows, parse_filter
from .schemas import QueryBody, readable_schema

BATCH_ROWS = 1024


def count_rows(dataset: Any, text: str | None) -> int:
    """How many rows a filter holds for; all where it is empty. Errors as for `filter_rows`."""
    condition = parse_filter(text)
    return int(dataset.count_rows()) if condition is None else len(filter_rows(dataset, condition).places)


def select_columns(
    selected: Sequence[str] | Mapping[str, str] | None, known: Sequence[str]
) -> dict[str, str]:
    """The columns of the response by name, and the column of the table that each one is.

    `selected`: names, or new names with the column of each; None selects all. Raises InvalidInputError for a
    column that is not `known` (expressions are not evaluated), and for none.
    """
    if selected is None:
        return {name: name for name in known}
    if not selected:
        raise InvalidInputError("`columns` names no column", hint=f"name some of {', '.join(known)}")
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
    condition, start = parse_filter(body.filter), body.offset or 0
    if condition is None:
        count = _row_count(int(dataset.count_rows()) - start, body, limits)
        batches = _scan(dataset, columns, body, count, start)
    else:
        found = filter_rows(dataset, condition)
        count = _row_count(len(found.places) - start, body, limits)
        batches = _take(dataset, columns, body, found, slice(start, start + count))
    kept, size = [], 0
    for batch in batches:
        size += sum(batch[name].nbytes for name in columns.values())
        check_answer_bytes(size, limits)
        kept.append(batch)
    names = list(dict.fromkeys(columns.values()))
    schema = pa.schema([dataset.schema.field(name) for name in names])
    if body.with_row_id:
        schema = schema.append(pa.field(ROW_ID, pa.uint64()))
        columns = {**columns, ROW_ID: ROW_ID}
    table = pa.Table.from_batches(kept, kept[0].schema if kept else schema)
    return pa.table({new: table[old] for new, old in columns.items()})


def check_answer_bytes(size: int, limits: ServiceOptions) -> None:
    """Raise TooLargeError where an answer of so many bytes is over the limit."""
    if size > limits.answer_bytes:
        raise TooLargeError(
            f"more than {limits.answer_bytes >> 20} MB in one answer",
            hint="ask for fewer rows or columns",
        )


def _scan(
    dataset: Any, columns: Mapping[str, str], body: QueryBody, count: int, start: int
) -> Iterator[pa.RecordBatch]:
    scanner = dataset.scanner(
        columns=list(dict.fromkeys(columns.values())),
        limit=count,
        offset=start,
        with_row_id=bool(body.with_row_id),
        batch_size=BATCH_ROWS,
        scan_in_order=True,
    )
    yield from scanner.to_batches()


def _take(
    dataset: Any, columns: Mapping[str, str], body: QueryBody, found: FilteredRows, rows: slice
) -> Iterator[pa.RecordBatch]:
    places, row_ids = found.places[rows], found.row_ids[rows]
    names = list(dict.fromkeys(columns.values()))
    for first in range(0, len(places), BATCH_ROWS):
        part = slice(first, first + BATCH_ROWS)
        taken = dataset.take(places[part].tolist(), columns=names)
        if body.with_row_id:
            taken = taken.append_column(ROW_ID, pa.array(row_ids[part]))
        yield from taken.combine_chunks().to_batches()


def _row_count(there: int, body: QueryBody, limits: ServiceOptions) -> int:
    """How many of the rows that there are to read. LanceDB's client sends a huge `k` for all."""
    count = min(body.k, max(0, there))
    if count > limits.rows:
        raise TooLargeError(f"{count:,} rows in one answer", hint=f"set a limit of at most {limits.rows:,}")
    return count
