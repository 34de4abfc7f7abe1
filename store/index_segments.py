"""An index built in segments, each over some fragments of the table, by workers that commit nothing.

Verified with Lance 14 (tests/store/test_index_segments.py): segments that are committed as they are lose no
recall. Merged by Lance those of IVF_SQ can, without a word (0.96 became 0.61), and those of IVF_RQ cannot
be merged. So they stay segments, and recall is measured afterwards as after every change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInputError
from .index_search import index_name, row_addresses
from .indexes import assigned_settings, check_kind, index_settings
from .retries import with_retries
from .tables import Tables

SEGMENT_KINDS = ("IVF_RQ", "IVF_SQ", "IVF_HNSW_SQ")
"""IVF_PQ is built in one piece: its codebook is trained on all rows."""


def fragment_groups(tables: Tables, table: str, version: int, count: int) -> list[list[int]]:
    """The fragments of a version of `table`, in up to `count` groups of about as many rows each."""
    fragments = tables.dataset(table, version).get_fragments()
    rows = np.array([fragment.count_rows() for fragment in fragments], np.int64)
    ends = np.cumsum(rows)
    at = np.minimum(
        (ends - rows // 2 - 1).clip(0) * count // max(int(ends[-1]) if len(ends) else 0, 1), count - 1
    )
    groups: dict[int, list[int]] = {}
    for fragment, group in zip(fragments, at.tolist(), strict=True):
        groups.setdefault(group, []).append(int(fragment.fragment_id))
    return list(groups.values())


def build_segment(
    tables: Tables,
    table: str,
    version: int,
    column: str,
    kind: str,
    centroids: NDArray[np.float32],
    fragments: Sequence[int],
    *,
    partitions: NDArray[np.uint32] | None = None,
    bits: int | None = None,
) -> Any:
    """Write the segment of some fragments, as `indexes.build`, which no version of the table names yet.

    `partitions`: that of each of their rows, (rows,) in the order of the table; Lance finds it where left
    out. `bits`: of IVF_RQ, for each number of a vector; 5 when left out.

    Raises InvalidInputError for a kind that has no segments, or cannot hold such vectors.
    """
    check_kind(tables, table, column, kind)
    check_segments(kind)
    dataset = tables.dataset(table, version)
    options = index_settings(column, centroids, bits) | {"fragment_ids": list(fragments)}
    if partitions is None:
        return dataset.create_index_uncommitted(column, kind, **options)
    with assigned_settings(row_addresses(dataset, fragments), partitions) as more:
        return dataset.create_index_uncommitted(column, kind, **options, **more)


def check_segments(kind: str) -> None:
    """Raise InvalidInputError for a kind that cannot be built in segments."""
    if kind not in SEGMENT_KINDS:
        raise InvalidInputError(
            f"an index of the kind {kind} cannot be built on a cluster",
            hint=f"use {', '.join(SEGMENT_KINDS)}, or leave --ray out",
        )


def commit_segments(tables: Tables, table: str, column: str, segments: Sequence[Any]) -> int:
    """Make `segments` the index of `column`, in place of what it had. Returns the version that has it."""

    def commit() -> int:
        dataset = tables.dataset(table)
        dataset.commit_existing_index_segments(index_name(column), column, list(segments))
        return int(tables.dataset(table).version)

    return with_retries(f"indexing {table}.{column}", commit)
