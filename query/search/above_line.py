"""One query's way down through the index: the best rows of a pool, then all that are above a line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from .index import MIN_ANSWERS, ApproximateIndex, IndexRecord, SearchEffort
from .pool import Pool
from .topk import Floats, Neighbours, Positions, exact_similarities

CompareAll: TypeAlias = Callable[[Floats, int, Pool], Neighbours]

FEWEST = 1500
"""Rows that the index is asked for at least: that takes a millisecond more than asking for a hundred."""

PROBED = 4
"""How many times as many partitions are searched as 10 answers take. Measured at 1,000,000, where those take
8 of 1024: 32 partitions hold 0.9999 of the rows with influence of 100 samples, 8 hold 0.89, and each takes a
tenth of a millisecond. By Lance's own rule more are searched: twice the time."""

NARROW_SHARE = 0.005
"""Of a pool: for more rows the index goes on to other partitions than those. Else 95 of 6,000 rows were lost,
the best 300 of 3,950 images for each of 20 questions."""

FITTED = 256
"""Rows compared before others: they show how far the index's estimates are from similarities."""

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


@dataclass(frozen=True)
class PoolSearch:
    """What all queries of one search have in common.

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

    def effort(self, depth: int) -> SearchEffort:
        """What the `depth` best rows take; for all above a line, partitions as for its best ones."""
        effort = self.index.effort(self.record, max(depth, MIN_ANSWERS), self.pool)
        near = self.index.effort(self.record, MIN_ANSWERS, self.pool).nprobes
        return SearchEffort(min(self.record.partitions, PROBED * near), effort.refine)


@dataclass
class Descent:
    """The search of one pool for one `query` (dim,): what the index was asked for is asked once.

    Rows are in the order of the index's estimates, of which the first `len(_similarities)` were compared. All
    rows that ever were are `_known`, rising.
    """

    search: PoolSearch
    query: Floats
    _asked: int = 0
    _rows: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    _distances: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    _similarities: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    _known: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    _known_similarities: Floats = field(default_factory=lambda: np.zeros(0, np.float32))

    def nearest(self, depth: int) -> tuple[Positions, Floats]:
        """The `depth` best rows (n,), best first, and their similarities; all where the pool has fewer."""
        depth = min(depth, self.search.pool.size)
        compared = math.ceil(max(depth, MIN_ANSWERS) * self.search.effort(depth).refine)
        if not self._ask(max(FEWEST, compared)):
            return self._compare_all(depth)
        self._compare(max(FITTED, compared))
        rows, similarities = self._sorted()
        return rows[:depth], similarities[:depth]

    def above(self, line: float, depth: int, limit: int) -> RowsAbove:
        """The rows above `line`: probably `depth`, up to `limit`."""
        whole = self.search.pool.size
        limit = min(limit, whole)
        count = min(limit, max(FEWEST, self._asked))
        while True:
            if not self._ask(count):
                rows, similarities = self._compare_all(count)
                last = line if len(rows) == whole else max(line, float(similarities[-1]))
                return RowsAbove(rows, similarities, last)
            reached = self._compare_down(line, limit)
            if reached or self._asked >= limit:
                break
            found_all = self._ask_above(line, limit)
            if found_all is not None:
                reached = found_all
                break
            count = min(limit, max(STEP * self._asked, 2 * depth))
        rows, similarities = self._sorted()
        known = reached or len(self._similarities) == whole
        return RowsAbove(rows, similarities, line if known else max(line, float(self._highest()[-1])))

    def _ask(self, count: int) -> bool:
        """Have `count` rows of the index, or all of the pool; whether it gave so many."""
        count = min(count, self.search.pool.size)
        if count <= self._asked:
            return True
        search = self.search
        # rows that a condition leaves, and the best of a large share, may be in any partition
        narrow = search.pool.where is None and count <= NARROW_SHARE * search.pool.size
        effort = search.effort(MIN_ANSWERS)
        rows, distances = search.index.estimate(
            self.query, count, search.pool, effort.nprobes, no_more=narrow
        )
        self._have(rows, distances)
        self._asked = count
        return len(rows) >= count

    def _ask_above(self, line: float, limit: int) -> bool | None:
        """Have the rows of the pool that are probably above `line`, `limit` at most; whether these are all.

        None where the index does not know them.
        """
        search, compared = self.search, self._similarities
        errors = compared + self._distances[: len(compared)]
        errors = errors[np.isfinite(errors)]
        if not len(errors):
            return None
        floor = 1 + line - float(errors.mean()) - DEVIATIONS * float(errors.std())
        found = search.index.above(self.query, floor, search.pool, search.effort(MIN_ANSWERS).nprobes)
        if found is None or len(found[0]) < self._asked:
            return None
        self._have(found[0][:limit], found[1][:limit])
        self._compare_down(line, limit)
        return len(found[0]) <= limit

    def _have(self, rows: Positions, distances: Floats) -> None:
        """Go on with these rows and distances, the best `len(rows)` of the pool."""
        compared = self._rows[: len(self._similarities)]
        if not np.array_equal(rows[: len(compared)], compared):
            self._similarities = self._similarities[:0]
        self._rows, self._distances, self._asked = rows, distances, max(self._asked, len(rows))

    def _compare(self, count: int) -> None:
        """Compare the first `count` rows, those that were not yet."""
        new = self._rows[len(self._similarities) : count]
        unknown = np.setdiff1d(new, self._known)
        if len(unknown):
            ((rising, values),) = exact_similarities(self.search.read, self.query[None], [unknown])
            known, values = np.append(self._known, rising), np.append(self._known_similarities, values)
            order = np.argsort(known)
            self._known, self._known_similarities = known[order], values[order]
        if len(new):
            found = self._known_similarities[np.searchsorted(self._known, new)]
            self._similarities = np.concatenate([self._similarities, found])

    def _compare_down(self, line: float, limit: int) -> bool:
        """Compare rows until no further one is probably above the line; whether there are further ones."""
        most = min(len(self._rows), limit)
        self._compare(min(FITTED, most))
        while True:
            wanted = int(np.flatnonzero(self._highest() > line).max(initial=-1)) + 1
            if len(self._similarities) >= min(wanted, most):
                return wanted < len(self._rows)
            self._compare(min(wanted, most))

    def _highest(self) -> Floats:
        """(rows,) what each row's similarity is at most, by its distance; infinite where not known."""
        known = np.isfinite(self._distances)
        fitted = np.flatnonzero(known[: len(self._similarities)])
        deviation, mean, scale = 0.0, 1.0, min(SCALES)
        if len(fitted):
            errors = [(self._similarities[fitted] + one * self._distances[fitted], one) for one in SCALES]
            deviation, mean, scale = min((float(e.std()), float(e.mean()), one) for e, one in errors)
        return np.where(known, mean + DEVIATIONS * deviation - scale * self._distances, np.float32(np.inf))

    def _sorted(self) -> tuple[Positions, Floats]:
        rows = self._rows[: len(self._similarities)]
        order = self.search.order(rows, self._similarities)
        return rows[order], self._similarities[order]

    def _compare_all(self, count: int) -> tuple[Positions, Floats]:
        """The `count` best by exact search, where the index gave fewer than there are."""
        exact = self.search.compare_all(self.query[None], count, self.search.pool)
        return exact.rows[0], exact.similarities[0]
