"""The k best of a stream of similarities, for many queries at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MARGIN = 2e-6
"""Similarities closer than this may swap places once they are computed exactly: float32 sums of a block."""


class Best:
    """Keeps, of all similarities pushed, those that may be among the `k` largest of each query.

    What lies within MARGIN of the k-th is kept too, so that ties can be decided on exact similarities.
    """

    def __init__(self, queries: int, k: int) -> None:
        self.queries, self.k = queries, k
        self._floor = np.full(queries, -np.inf, np.float32)  # what is below cannot be among the k best
        self._kept: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        self._size = self._settled = 0

    def push(self, rows: NDArray[np.int64], similarities: NDArray[np.float32]) -> None:
        """Similarities (queries, n) of the rows (n,)."""
        unset = np.isneginf(self._floor)
        if unset.any() and len(rows) > self.k:
            part = np.partition(similarities[unset], len(rows) - self.k, axis=1)[:, len(rows) - self.k]
            self._floor[unset] = part - MARGIN
        query, column = np.nonzero(similarities >= self._floor[:, None])
        self._kept.append((query, rows[column], similarities[query, column]))
        self._size += len(query)
        if self._size > 2 * self._settled + 4 * self.queries * self.k:
            self._settle()

    def _settle(self) -> None:
        """Drop what has fallen behind, and raise the floor."""
        query, rows, values = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        order = np.lexsort((-values, query))
        query, rows, values = query[order], rows[order], values[order]
        starts = np.searchsorted(query, np.arange(self.queries))
        counts = np.diff(np.append(starts, len(query)))
        full = counts >= self.k
        self._floor[full] = values[starts[full] + self.k - 1] - MARGIN
        alive = values >= self._floor[query]
        self._kept = [(query[alive], rows[alive], values[alive])]
        self._size = self._settled = int(np.count_nonzero(alive))

    def candidates(self) -> list[NDArray[np.int64]]:
        """For each query the rows that its k best are among, in no order."""
        if not self._kept:
            return [np.zeros(0, np.int64) for _ in range(self.queries)]
        self._settle()
        ((query, rows, _),) = self._kept
        return np.split(rows, np.searchsorted(query, np.arange(1, self.queries)))


Places = NDArray[np.int64]
Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """The best rows of a pool for each query.

    `rows` (queries, k') int64, best first, ties by image id, -1 where there are no more; `similarities`
    (queries, k') float32 as computed from the stored vectors, -inf there. `method` is 'exact' or 'index',
    `recall` that of the index as measured, `searched` (queries,) how many images the answer was chosen
    from: all of the pool, or those that the index gave.
    """

    rows: Places
    similarities: Reals
    method: str
    recall: float | None
    searched: Places


def in_order(ids: pa.Array, rows: Places, similarities: Reals) -> Places:
    """(n,) the order of `rows`: by similarity, largest first, then by image id."""
    order = np.argsort(-similarities, kind="stable")
    if not (np.diff(similarities[order]) == 0).any():
        return order
    names = np.asarray(ids.take(pa.array(rows)).to_pylist(), dtype=str)
    return np.lexsort((names, -similarities))


def stacked(answers: Sequence[tuple[Places, Reals]], k: int) -> tuple[Places, Reals]:
    """Rows and similarities of each query as one table, as `Found` has them."""
    rows = np.full((len(answers), k), -1, np.int64)
    similarities = np.full((len(answers), k), -np.inf, np.float32)
    for at, (mine, values) in enumerate(answers):
        rows[at, : len(mine)], similarities[at, : len(mine)] = mine, values
    return rows, similarities


HELD = 16_384
"""Vectors read at once."""


def exact_similarities(
    read: Callable[[Places], Reals], queries: Reals, candidates: Sequence[Places]
) -> Iterator[tuple[Places, Reals]]:
    """For each query (dim,) its candidates (n,), rising, and their similarities (n,).

    Sums are in float64 and rounded once: a similarity is the same whatever rows are beside it. What some
    queries need is read together: measured, that takes a fifth of the time a row.

    `read` gives the unit vectors (n, dim) of rows (n,) that rise.
    """
    for some in groups([len(rows) for rows in candidates], HELD):
        rows = np.unique(np.concatenate([candidates[at] for at in some]))
        vectors = read(rows) if len(some) > 1 else None
        for at in some:
            mine, wide = np.sort(candidates[at]), queries[at].astype(np.float64)
            if vectors is not None:
                yield mine, _dots(vectors[np.searchsorted(rows, mine)], wide)
                continue
            parts = [_dots(read(mine[start : start + HELD]), wide) for start in range(0, len(mine), HELD)]
            yield mine, np.concatenate(parts) if parts else np.zeros(0, np.float32)


def groups(sizes: Sequence[int], most: int) -> Iterator[range]:
    """Neighbours of together at most `most`; what is larger by itself is alone."""
    start, total = 0, 0
    for at, size in enumerate(sizes):
        if at > start and total + size > most:
            yield range(start, at)
            start, total = at, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


def _dots(vectors: Reals, wide: NDArray[np.float64]) -> Reals:
    return np.asarray(vectors.astype(np.float64) @ wide, np.float32)
