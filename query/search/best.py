"""The k best of a stream of similarities, for many queries at once."""

from __future__ import annotations

import numpy as np
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
