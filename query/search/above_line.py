"""The rows of a pool that are more similar to a query than a line, through the index: each compared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...runtime.devices import core_count
from .index import MIN_ANSWERS, ApproximateIndex, IndexRecord
from .pool import Pool
from .topk import Floats, Neighbours, Positions, exact_similarities

CompareAll: TypeAlias = Callable[[Floats, int, Pool], Neighbours]

FEWEST = 1000
"""Rows that the index is asked for at least: that takes a millisecond more than asking for a hundred."""

FITTED = 256
"""Rows compared first: they show how far the index's estimates are from similarities."""

STEP = 8
"""How many times as many rows the index is asked for next, where it gave too few."""

DEVIATIONS = 4
"""Rows are compared until an estimate is so many standard deviations of its error below the line."""

SCALES = (0.5, 1.0)
"""What falls from 1 as similarity does, of a distance 2 - 2 cosine or 1 - cosine."""


@dataclass(frozen=True)
class RowsAbove:
    """Rows that were compared.

    Attributes:
        rows: (n,) of the space, best first, ties by image id; those above the line, and some below it.
        similarities: (n,) computed from the stored vectors.
        floor: a row that was not compared is at most so similar, as far as the index's estimates tell: the
            line, or more where `limit` ended the search.
    """

    rows: Positions
    similarities: Floats
    floor: float


@dataclass
class _Compared:
    """Rows in the order of the index's estimates, of which the first `len(similarities)` were compared."""

    read: Callable[[Positions], Floats]
    query: Floats
    rows: Positions
    distances: Floats
    similarities: Floats

    def compare(self, count: int) -> None:
        """Compare the first `count` rows, those that were not yet."""
        new = self.rows[len(self.similarities) : count]
        if len(new):
            ((rising, values),) = exact_similarities(self.read, self.query[None], [new])
            found = values[np.searchsorted(rising, new)]
            self.similarities = np.concatenate([self.similarities, found])

    def highest(self) -> Floats:
        """(rows,) what each row's similarity is at most, by its distance; infinite where not known."""
        known = np.isfinite(self.distances)
        fitted = np.flatnonzero(known[: len(self.similarities)])
        deviation, mean, scale = 0.0, 1.0, min(SCALES)
        if len(fitted):
            known_errors = [(self.similarities[fitted] + one * self.distances[fitted], one) for one in SCALES]
            deviation, mean, scale = min((float(e.std()), float(e.mean()), one) for e, one in known_errors)
        return np.where(known, mean + DEVIATIONS * deviation - scale * self.distances, np.float32(np.inf))


@dataclass(frozen=True)
class LineSearch:
    """A search of one pool down to lines, through the index.

    Attributes:
        index: of the space.
        record: what was measured of it.
        pool: what is searched.
        read: the unit vectors (n, dim) of rows (n,) that rise.
        order: (n,) the order of rows (n,) by their similarities (n,), then by image id.
        compare_all: exact search of queries (n, dim) for so many rows of a pool.
    """

    index: ApproximateIndex
    record: IndexRecord
    pool: Pool
    read: Callable[[Positions], Floats]
    order: Callable[[Positions, Floats], Positions]
    compare_all: CompareAll

    def search(
        self, queries: Floats, lines: Sequence[float], depths: Sequence[int], limit: int
    ) -> list[RowsAbove]:
        """For each of `queries` (queries, dim) the rows above its line: probably `depths`, up to `limit`."""

        def ask(at: int) -> RowsAbove:
            return self._search_one(queries[at], lines[at], depths[at], min(limit, self.pool.size))

        if len(queries) == 1:
            return [ask(0)]
        with ThreadPoolExecutor(core_count()) as threads:
            return list(threads.map(ask, range(len(queries))))

    def _search_one(self, query: Floats, line: float, depth: int, limit: int) -> RowsAbove:
        """The index is asked once where `depth` is about right."""
        whole = self.pool.size
        count = min(limit, max(FEWEST, 2 * depth))
        nprobes = self.index.effort(self.record, MIN_ANSWERS, self.pool).nprobes  # what is above is together
        while True:
            found, distances = self.index.estimate(query, count, self.pool, nprobes)
            if len(found) < count:  # the index gave fewer than there are
                exact = self.compare_all(query[None], count, self.pool)
                rows, similarities = exact.rows[0], exact.similarities[0]
                last = line if len(rows) == whole else max(line, float(similarities[-1]))
                return RowsAbove(rows, similarities, last)
            compared = _Compared(self.read, query, found, distances, np.zeros(0, np.float32))
            reached = _compare_down(compared, line)
            if reached or count >= limit:
                break
            count = min(limit, STEP * count)
        rows = compared.rows[: len(compared.similarities)]
        order = self.order(rows, compared.similarities)
        floor = line if reached or count == whole else max(line, float(compared.highest()[-1]))
        return RowsAbove(rows[order], compared.similarities[order], floor)


def _compare_down(compared: _Compared, line: float) -> bool:
    """Compare rows until no further one is probably above the line; whether there are further ones."""
    wanted = FITTED
    while len(compared.similarities) < min(wanted, len(compared.rows)):
        compared.compare(wanted)
        wanted = int(np.flatnonzero(compared.highest() > line).max(initial=-1)) + 1
    return wanted < len(compared.rows)
