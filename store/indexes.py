"""Approximate nearest-neighbour indexes of vector columns: building, describing and dropping them.

Verified with Lance 14 (tests/store/test_indexes.py): rows written after an index was built are compared in
full; an index of another metric is ignored without a message, which is why `describe` checks it first; a
mapped column that is written again takes its rows out of the index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .errors import ConflictError, InvalidInputError
from .index_search import METRIC, index_name, row_addresses
from .lookup import is_in
from .retries import with_retries
from .tables import Tables

KINDS = ("IVF_RQ", "IVF_SQ", "IVF_PQ", "IVF_HNSW_SQ")


@dataclass(frozen=True)
class Index:
    """An index as Lance describes it: it holds `rows` of the table, `unindexed` were written later."""

    name: str
    column: str
    kind: str
    metric: str
    rows: int
    unindexed: int
    bytes: int
    segments: int


@dataclass(frozen=True)
class AssignedRows:
    """The partition of each row of a version of a table, (rows,) in its order."""

    version: int
    partitions: NDArray[np.uint32]


def fits(kind: str, dim: int) -> bool:
    """Whether an index of this kind can hold vectors of length `dim`."""
    return dim % 8 == 0 or kind in ("IVF_SQ", "IVF_HNSW_SQ")


def build(
    tables: Tables,
    table: str,
    column: str,
    kind: str,
    centroids: NDArray[np.float32],
    assigned: AssignedRows | None = None,
    *,
    bits: int | None = None,
) -> int:
    """Build or replace the index of `column`, partitioned around `centroids` (partitions, dim), unit rows.

    `assigned`: the partition of each row of a version; Lance finds it where left out. Rows that were written
    since are left to `index_new_rows`. `bits`: of IVF_RQ, for each number of a vector; 5 when left out.

    Returns the first version of the table that has it.

    Raises InvalidInputError for an unknown kind, or one that cannot hold vectors of this length.
    """
    dim = check_kind(tables, table, column, kind)
    options = index_settings(column, centroids, bits)
    if kind == "IVF_PQ":
        options["num_sub_vectors"] = dim // 8

    def commit() -> int:
        newest = tables.dataset(table)
        dataset = newest.checkout_version(assigned.version) if assigned else newest
        made = dataset.create_index(column, kind, **options)
        return int(made.version)

    if assigned is None:
        return with_retries(f"indexing {table}.{column}", commit)
    rows = row_addresses(tables.dataset(table, assigned.version))
    with assigned_settings(rows, assigned.partitions) as more:
        options |= more
        return with_retries(f"indexing {table}.{column}", commit)


@contextmanager
def assigned_settings(rows: NDArray[np.uint64], partitions: NDArray[np.uint32]) -> Iterator[dict[str, Any]]:
    """Settings that put the rows with the addresses (n,) into `partitions` (n,), while the index is built."""
    with TemporaryDirectory() as folder:
        table = pa.table({"row_id": rows, "partition": partitions})
        place = f"{folder}/partitions"
        lance.write_dataset(table, place, max_rows_per_file=max(1, len(rows)))
        yield {"precomputed_partition_dataset": place}


def index_settings(column: str, centroids: NDArray[np.float32], bits: int | None) -> dict[str, Any]:
    """The settings of every index here: its name and metric, the centres of its partitions, and `bits`."""
    settings = {"num_partitions": len(centroids), "ivf_centroids": centroids}
    if bits is not None:
        settings["num_bits"] = bits
    return {"name": index_name(column), "metric": METRIC, "replace": True, **settings}


def check_kind(tables: Tables, table: str, column: str, kind: str) -> int:
    """The length of the vectors of `column`. Raises InvalidInputError as `build`."""
    if kind not in KINDS:
        raise InvalidInputError(f"there is no index kind {kind!r}", hint=f"use {', '.join(KINDS)}")
    dim = int(tables.schema(table).field(column).type.list_size)
    if not fits(kind, dim):
        raise InvalidInputError(
            f"{kind} needs vectors whose length is a multiple of 8, {table}.{column} has {dim}",
            hint="use IVF_SQ or IVF_HNSW_SQ",
        )
    return dim


def index_new_rows(tables: Tables, table: str, column: str) -> int:
    """Add the rows written since to the index of `column`. Returns the version of the table with them."""

    def commit() -> int:
        dataset = tables.dataset(table)
        dataset.optimize.optimize_indices(index_names=[index_name(column)])
        return int(tables.dataset(table).version)

    return with_retries(f"indexing {table}.{column}", commit)


def index_all_new_rows(dataset: lance.LanceDataset) -> None:
    """Add the rows written since to every index of a table.

    Leaves out vector indexes with nulls among those rows, which no mapper has mapped yet: Lance 14 fails
    where all of them are null.
    """
    names = [
        one.name
        for one in dataset.describe_indices()
        if not _is_vector(one) or not _holds_nulls(dataset, one, one.field_names[0])
    ]
    if names:
        dataset.optimize.optimize_indices(index_names=names)


def drop(tables: Tables, table: str, column: str) -> bool:
    """Remove the index of `column`. Returns whether it existed."""

    def commit() -> bool:
        dataset = tables.dataset(table)
        if describe(dataset, column) is None:
            return False
        dataset.drop_index(index_name(column))
        return True

    return with_retries(f"dropping the index of {table}.{column}", commit)


def describe(dataset: lance.LanceDataset, column: str) -> Index | None:
    """The index of `column` in this version of a table, None where it has none.

    Raises ConflictError for an index that a search of `column` by cosine would silently ignore: of another
    column or metric, or one of another tool beside ours.
    """
    mine = [one for one in dataset.describe_indices() if column in one.field_names and _is_vector(one)]
    named = [one for one in dataset.describe_indices() if one.name == index_name(column)]
    for one in (*mine, *named):
        metric = str(one.details.get("metric_type", "")).lower()
        if one.name != index_name(column) or list(one.field_names) != [column] or metric != METRIC:
            raise ConflictError(
                f"the index {one.name!r} is of {', '.join(one.field_names)} by {metric or 'no metric'}; "
                f"searching {column} needs {index_name(column)!r} of {column} by {METRIC}",
                hint="build it anew: attribase -s STORE index --force",
            )
    if not mine:
        return None
    (one,) = mine
    rows = int(one.num_rows_indexed)
    return Index(
        name=one.name,
        column=column,
        kind=one.index_type,
        metric=METRIC,
        rows=rows,
        unindexed=max(0, int(dataset.count_rows()) - rows),
        bytes=int(one.total_size_bytes or 0),
        segments=len(one.segments),
    )


def delete_row(tables: Tables, index_id: str) -> None:
    """Delete the row of `indexes` with the measurements of an index."""

    def commit() -> None:
        dataset = tables.dataset("indexes")
        if dataset.count_rows(is_in("index_id", [index_id])):
            dataset.delete(is_in("index_id", [index_id]))

    with_retries("deleting an index's row", commit)


def holds_nulls(dataset: lance.LanceDataset, column: str) -> bool:
    """Whether a row has null in the indexed `column`: a search through the index never finds such rows.

    Reads only rows that the index does not cover.
    """
    one = next(one for one in dataset.describe_indices() if one.name == index_name(column))
    return _holds_nulls(dataset, one, column)


def _holds_nulls(dataset: lance.LanceDataset, one: Any, column: str) -> bool:
    covered = {int(fragment) for segment in one.segments for fragment in segment.fragment_ids}
    inside, outside = 0, []
    for fragment in dataset.get_fragments():
        if fragment.fragment_id in covered:
            inside += fragment.count_rows()
        else:
            outside.append(fragment)
    if inside > one.num_rows_indexed:
        return True
    if not outside:
        return False
    missing = dataset.scanner(columns=[], with_row_id=True, filter=f"{column} IS NULL", fragments=outside)
    return bool(missing.count_rows())


def drop_all(tables: Tables, table: str, column: str) -> None:
    """Remove every vector index of `column`, those of other tools too, and whatever has our index's name."""
    for one in tables.dataset(table).describe_indices():
        if (column in one.field_names and _is_vector(one)) or one.name == index_name(column):
            with_retries(
                f"dropping {one.name}",
                lambda name=one.name: tables.dataset(table).drop_index(name),  # type: ignore[misc]
            )


def _is_vector(description: Any) -> bool:
    return "VectorIndex" in str(description.type_url)
