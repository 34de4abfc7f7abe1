"""Nearest-neighbour indexes of vector columns: the one place that knows Lance's index API.

Verified with Lance 14: rows written after an index was built are searched too, by comparing all of them; an
index whose metric is not the one asked for is passed over silently, which is why `described` is asked first;
a mapped column that is written anew takes its rows out of the index (tests/store/test_indexes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lance
import numpy as np
from lance.dataset import serialize_row_addrs
from numpy.typing import NDArray

from .errors import ConflictError, InvalidInputError
from .lookup import is_in
from .retries import with_retries
from .schema import INDEXES
from .tables import create_table

if TYPE_CHECKING:
    from .store import Store

METRIC = "cosine"
KINDS = ("IVF_RQ", "IVF_SQ", "IVF_PQ", "IVF_HNSW_SQ")


@dataclass(frozen=True)
class Index:
    """An index as Lance describes it: `rows` of the table are in it, `unindexed` came later."""

    name: str
    column: str
    kind: str
    metric: str
    rows: int
    unindexed: int
    bytes: int
    segments: int


def index_name(column: str) -> str:
    """What the index of a vector column is called."""
    return f"{column}_ann"


def fits(kind: str, dim: int) -> bool:
    """Whether vectors of this length can be kept in an index of this kind."""
    return dim % 8 == 0 or kind in ("IVF_SQ", "IVF_HNSW_SQ")


def build(store: Store, table: str, column: str, kind: str, centroids: NDArray[np.float32]) -> int:
    """Index `column` anew, in partitions around `centroids` (partitions, dim), unit rows.

    Returns the version of the table that has it.

    Raises InvalidInputError for a kind that there is not, or that does not fit the vectors.
    """
    if kind not in KINDS:
        raise InvalidInputError(f"there is no index of the kind {kind!r}", hint=f"use {', '.join(KINDS)}")
    dim = int(store.schema(table).field(column).type.list_size)
    if not fits(kind, dim):
        raise InvalidInputError(
            f"{kind} needs vectors whose length is a multiple of 8, {table}.{column} has {dim}",
            hint="use IVF_SQ or IVF_HNSW_SQ",
        )
    options: dict[str, Any] = {"num_sub_vectors": dim // 8} if kind == "IVF_PQ" else {}

    def commit() -> int:
        made = store.dataset(table).create_index(
            column,
            kind,
            name=index_name(column),
            metric=METRIC,
            replace=True,
            num_partitions=len(centroids),
            ivf_centroids=centroids,
            **options,
        )
        return int(made.version)

    return with_retries(f"indexing {table}.{column}", commit)


def fold(store: Store, table: str, column: str) -> int:
    """Take the rows that came later into the index of `column`. Returns the table's version then."""

    def commit() -> int:
        dataset = store.dataset(table)
        dataset.optimize.optimize_indices(index_names=[index_name(column)])
        return int(store.dataset(table).version)

    return with_retries(f"indexing {table}.{column}", commit)


def fold_all(dataset: lance.LanceDataset) -> None:
    """Take what came later into every index of a table that can take it.

    Lance 14 fails where all that came later is null, as vectors are that no mapper has mapped yet; they wait.
    """
    names = [
        one.name
        for one in dataset.describe_indices()
        if not _is_vector(one) or not _holds_nulls(dataset, one, one.field_names[0])
    ]
    if names:
        dataset.optimize.optimize_indices(index_names=names)


def drop(store: Store, table: str, column: str) -> bool:
    """Remove the index of `column`; whether there was one."""

    def commit() -> bool:
        dataset = store.dataset(table)
        if described(dataset, column) is None:
            return False
        dataset.drop_index(index_name(column))
        return True

    return with_retries(f"dropping the index of {table}.{column}", commit)


def described(dataset: lance.LanceDataset, column: str) -> Index | None:
    """The index of `column` in this version of a table, or None where there is none.

    Raises ConflictError for one that searching `column` by cosine would silently pass over: another column,
    another metric, or another tool's beside ours.
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


def ensure_table(store: Store) -> None:
    """Give a store from before there were indexes the table that tells of them."""
    create_table(store.layout, "indexes", INDEXES)


def forget(store: Store, index_id: str) -> None:
    """Remove what was measured of an index."""

    def commit() -> None:
        dataset = store.dataset("indexes")
        if dataset.count_rows(is_in("index_id", [index_id])):
            dataset.delete(is_in("index_id", [index_id]))

    with_retries("forgetting an index", commit)


def holds_nulls(dataset: lance.LanceDataset, column: str) -> bool:
    """Whether some row has no vector in `column`, which has an index: such rows are never found by it.

    Nothing that the index covers is read: its rows are counted.
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


def clear(store: Store, table: str, column: str) -> None:
    """Remove every vector index over `column`, whoever made it, and whatever has our name."""
    for one in store.dataset(table).describe_indices():
        if (column in one.field_names and _is_vector(one)) or one.name == index_name(column):
            with_retries(
                f"dropping {one.name}",
                lambda name=one.name: store.dataset(table).drop_index(name),  # type: ignore[misc]
            )


def _is_vector(description: Any) -> bool:
    return "VectorIndex" in str(description.type_url)


def row_addresses(dataset: lance.LanceDataset) -> NDArray[np.uint64]:
    """(rows,) what `nearest` calls each row, in table order."""
    rows = dataset.scanner(columns=[], with_row_id=True).to_table()["_rowid"]
    addresses: NDArray[np.uint64] = rows.to_numpy()
    return addresses


def allowing(addresses: NDArray[np.uint64]) -> bytes:
    """A set of rows for `nearest` to keep to."""
    allowed: bytes = serialize_row_addrs(addresses.tolist())
    return allowed


def nearest(
    dataset: lance.LanceDataset,
    column: str,
    vector: NDArray[np.float32],
    k: int,
    nprobes: int,
    allowed: bytes,
) -> NDArray[np.uint64]:
    """The `k` rows whose vectors are probably most similar to `vector` (dim,), by compressed vectors.

    Ask for more than are needed, and compare those in full. Rows that came after the index was built are
    among them as far as they are similar: all of those are looked at.

    Args:
        dataset: keep it: it caches its index. `described` has told that the index is there.
        column: the vector column.
        vector: at unit length.
        k: how many.
        nprobes: how many partitions to look into at least; more until `k` allowed rows are found.
        allowed: the rows that may be an answer, from `allowing`.

    Returns:
        (found,) row addresses, the most similar first.
    """
    near = {"column": column, "q": vector, "k": k, "metric": METRIC, "minimum_nprobes": nprobes}
    found = dataset.scanner(
        columns=["_distance"],
        nearest=near,
        with_row_id=True,
        prefilter=True,
        row_addr_allowlist=allowed,
        disable_scoring_autoprojection=True,
    ).to_table()
    addresses: NDArray[np.uint64] = found["_rowid"].to_numpy()
    return addresses


def warm(dataset: lance.LanceDataset, column: str) -> None:
    """Read the whole index of `column` into the memory of this dataset, so that no question waits for it."""
    dataset.prewarm_index(index_name(column))
