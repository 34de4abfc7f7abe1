"""Many queries against the partitions of an index: each row is compared with the queries that are near it.

The vectors are read once for all queries, in the order of the table, and compared as stored: not the
compressed ones of the index, of which only the partition of each row is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...runtime.blas_threads import single_thread_products
from ...runtime.devices import core_count
from ...runtime.mapper import normalise
from ...store import Step
from ...store.index_partitions import NO_PARTITION, read_partitions
from .pool import Pool
from .space import SearchSpace
from .topk import Floats, Positions, row_lengths

Found: TypeAlias = tuple["NDArray[np.uint16]", "NDArray[np.int32]", Floats]
"""Queries (n,), rows (n,) of the space, and their similarities (n,)."""

MOST_QUERIES = 1 << 16

FIRST_ROWS = 2048
"""Rows of the first block, where no query has a floor yet; each next one has twice as many, up to a limit."""

BLOCK_BYTES = 48 << 20
"""Vectors of a block, where these are ROWS_A_PARTITION or more."""

ROWS_A_PARTITION = 24
"""Rows of a block in each partition on average: with fewer, more time goes into calls than into products."""

GROUP_ROWS = 2048
"""Rows compared at once; those that the index does not cover are compared with all queries."""

CODED_ROWS = 8192
"""Vectors of a block that is written in 8 bits a number."""

CHECKED_ROWS, CHECKED_SHARE = 256, 0.9
"""So many rows are looked at, of which so many must be in the partition whose centre is nearest."""


@dataclass(frozen=True)
class SpacePartitions:
    """Where the rows of a space are in its index.

    Attributes:
        centres: (partitions, dim) unit rows.
        of_row: (rows of the space,) the partition of each; NO_PARTITION where the index does not cover it.
    """

    centres: Floats
    of_row: NDArray[np.int32]

    @classmethod
    def read(cls, space: SearchSpace) -> SpacePartitions | None:
        """Of the index of `space`; None where its files do not say, or rows are not near their centres."""
        found = read_partitions(space.dataset, space.column)
        if found is None:
            return None
        partitions = cls(normalise(found.centres), found.of_row[space.rows.positions])
        return partitions if partitions._agrees(space) else None

    def _agrees(self, space: SearchSpace) -> bool:
        held = np.flatnonzero(self.of_row != NO_PARTITION)
        if not len(held):
            return False
        rows = held[:: max(1, len(held) // CHECKED_ROWS)]
        nearest = (space.unit_rows(rows) @ self.centres.T).argmax(axis=1)
        return float(np.mean(nearest == self.of_row[rows])) >= CHECKED_SHARE


def store_codes(space: SearchSpace) -> Iterator[Step]:
    """Write the vectors of a space as `CodedRows`; nothing where the files of its index do not say enough."""
    partitions = SpacePartitions.read(space)
    if partitions is not None:
        yield Step("codes", 0, 1, f"{len(space)} vectors in 8 bits a number, by partition")
        blocks = space.stream_rows(np.ones(len(space), bool), CODED_ROWS, reuse=True)
        space.open_index().write_codes(partitions.centres, partitions.of_row, blocks)
        yield Step("codes", 1, 1)


class PartitionScan:
    """One reading of a pool for `queries` (n, dim), unit rows, n up to MOST_QUERIES.

    Attributes:
        places: (n, partitions) uint16, the place of each partition in the order of each query: 0 is nearest.
        nprobes: each query is compared with the rows of its nearest so many, and with those of none.
        searched: (n,) how many rows of the pool these are.
    """

    def __init__(
        self, space: SearchSpace, partitions: SpacePartitions, pool: Pool, queries: Floats, nprobes: int
    ) -> None:
        self._space, self._partitions, self._pool = space, partitions, pool
        self.queries, self.nprobes = queries, min(nprobes, len(partitions.centres))
        order = np.argsort(-(queries @ partitions.centres.T), axis=1)
        self.places = np.empty(order.shape, np.uint16)
        np.put_along_axis(self.places, order, np.arange(order.shape[1], dtype=np.uint16)[None], axis=1)
        sizes = np.bincount(partitions.of_row[pool.mask] + 1, minlength=len(partitions.centres) + 1)
        probed = self.places < self.nprobes
        self.searched = probed @ sizes[1:] + sizes[0]
        everyone = np.arange(len(queries), dtype=np.uint16)
        self._asking = [everyone] + [np.flatnonzero(one).astype(np.uint16) for one in probed.T]

    @property
    def is_whole(self) -> bool:
        """Whether each query is compared with the rows of all partitions."""
        return self.nprobes == len(self._partitions.centres)

    def are_far(self, query: int, rows: Positions) -> NDArray[np.bool_]:
        """(n,) whether each of the rows (n,) is in the farther half of the partitions that were probed."""
        partition = self._partitions.of_row[rows]
        far: NDArray[np.bool_] = self.places[query][partition] >= self.nprobes // 2
        far &= partition != NO_PARTITION
        return far

    def blocks(self, floors: Callable[[], Floats]) -> Iterator[Found]:
        """What is at or above the floor of each query (n,), block by block.

        `floors` gives them anew for each block. Similarities are sums in float32, as those of
        `SearchSpace.scan`.
        """
        asked = np.array([len(one) > 0 for one in self._asking])
        wanted = self._pool.mask & asked[self._partitions.of_row + 1]
        held = max(BLOCK_BYTES // (4 * self._space.dim), ROWS_A_PARTITION * len(self._partitions.centres))
        size = FIRST_ROWS
        with single_thread_products(), ThreadPoolExecutor(core_count()) as threads:
            for rows, raw in self._space.stream_rows(wanted, held, reuse=True):
                start = 0
                while start < len(rows):
                    mine = slice(start, start + size)
                    yield self._compare(threads, rows[mine], raw[mine], floors())
                    start, size = start + size, min(2 * size, held)

    def _compare(self, threads: ThreadPoolExecutor, rows: Positions, raw: Floats, floors: Floats) -> Found:
        """The similarities of a block, rows (n,) and vectors (n, dim), that are at or above the floors."""
        partition, lengths = self._partitions.of_row[rows] + 1, row_lengths(raw)
        order = np.argsort(partition.astype(np.uint16), kind="stable")
        present, starts = np.unique(partition[order], return_index=True)
        groups = [
            (number, places[start : start + GROUP_ROWS])
            for number, places in zip(present.tolist(), np.split(order, starts[1:]), strict=True)
            for start in range(0, len(places), GROUP_ROWS)
        ]

        def compare(some: list[tuple[int, Positions]]) -> list[Found]:
            return list(self._compare_groups(some, rows, raw, lengths, floors))

        share = -(-len(groups) // (4 * core_count()))
        parts = [groups[start : start + share] for start in range(0, len(groups), share)]
        found = [one for some in threads.map(compare, parts) for one in some]
        if not found:
            return np.zeros(0, np.uint16), np.zeros(0, np.int32), np.zeros(0, np.float32)
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))  # type: ignore[return-value]

    def _compare_groups(
        self,
        groups: list[tuple[int, Positions]],
        rows: Positions,
        raw: Floats,
        lengths: Floats,
        floors: Floats,
    ) -> Iterator[Found]:
        """As `_compare`, of some groups: the number of who asks for each, and its places in the block.

        The buffers are used again for each group.
        """
        asking = [self._asking[number] for number, _ in groups]
        sizes = [(len(one), len(places)) for one, (_, places) in zip(asking, groups, strict=True)]
        queries, vectors = (
            np.empty((max(some), raw.shape[1]), np.float32) for some in zip(*sizes, strict=True)
        )
        products = np.empty(max(n * m for n, m in sizes), np.float32)
        for mine, (_, places), (n, m) in zip(asking, groups, sizes, strict=True):
            self.queries.take(mine, axis=0, out=queries[:n], mode="clip")
            raw.take(places, axis=0, out=vectors[:m], mode="clip")
            similarities = products[: n * m].reshape(n, m)
            np.matmul(queries[:n], vectors[:m].T, out=similarities)
            similarities /= lengths[places]
            (hits,) = (similarities >= floors[mine, None]).reshape(-1).nonzero()
            if len(hits):
                query, column = np.divmod(hits, m)
                yield mine[query], rows[places[column]].astype(np.int32), products[hits]
