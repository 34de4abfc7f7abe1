"""Scalar indexes of key columns: rows with given keys are found without reading every key.

Verified with Lance 14 (tests/store/test_key_indexes.py): a filter also finds rows that were written after the
index, and `compact` adds them to it.
"""

from __future__ import annotations

from collections.abc import Iterator

import lance

from .jobs import Step
from .retries import with_retries
from .tables import Tables

KEY_KIND = "BTREE"

KEYS = (("images", "image_id"), ("samples", "sample_id"))
"""The columns in which answers look up rows."""

MOST_UNINDEXED = 10_000
"""So many rows are looked through quickly."""


def key_index_name(column: str) -> str:
    """The name of the index of a key column."""
    return f"{column}_key"


def has_key_index(dataset: lance.LanceDataset, column: str) -> bool:
    """Whether there is an index of this key column."""
    return any(one.name == key_index_name(column) for one in dataset.describe_indices())


def index_all_keys(tables: Tables, min_rows: int) -> Iterator[Step]:
    """Index the key columns of tables with `min_rows` rows or more, and add new rows where there are many.

    Yields a step for each that is indexed, none where nothing is to be done.
    """
    for table, column in KEYS:
        dataset = tables.dataset(table)
        rows = dataset.count_rows()
        if rows and rows >= min_rows and rows - _indexed_rows(dataset, column) > MOST_UNINDEXED:
            note = f"{table}.{column} of {rows:,} rows"
            yield Step("keys", 0, 1, note)
            index_key(tables, table, column)
            yield Step("keys", 1, 1, note)


def index_key(tables: Tables, table: str, column: str) -> None:
    """Index a key column, or add the rows written since to its index."""

    def commit() -> None:
        dataset, name = tables.dataset(table), key_index_name(column)
        if has_key_index(dataset, column):
            dataset.optimize.optimize_indices(index_names=[name])
        else:
            dataset.create_scalar_index(column, KEY_KIND, name=name, replace=False)

    with_retries(f"indexing {table}.{column}", commit)


def _indexed_rows(dataset: lance.LanceDataset, column: str) -> int:
    found = (one for one in dataset.describe_indices() if one.name == key_index_name(column))
    return sum(int(one.num_rows_indexed) for one in found)
