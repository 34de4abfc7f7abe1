"""The rows nearest to each query within bounds of distance, found by comparing all, one query at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...attribution.influence import Candidates, influence_shares
from ...attribution.retrieval import RankedImages, RetrievalTask, measure_coverage, scan_similarities
from ...search import SearchSpace
from ...search.topk import (
    Floats,
    Positions,
    exact_similarities,
    rank_order,
    rows_at_once,
    top_k_candidates,
)

ROWS_AT_ONCE = 4096
"""Vectors read at once by their places, where BLOCK_BYTES holds so many."""

SIMILARITY_BYTES = 64 << 20
"""Similarities of items in memory at once; more queries read the vectors again."""


ROUNDING = 1e-6
"""By how much a distance in float32 may differ from 1 - similarity."""


@dataclass(frozen=True)
class DistanceBounds:
    """Distances from `low` up to, and without, `high`, as in LanceDB; None for no bound."""

    low: float | None
    high: float | None

    @property
    def exist(self) -> bool:
        """Whether there is a bound."""
        return self.low is not None or self.high is not None

    def hold(self, similarities: Floats) -> NDArray[np.bool_]:
        """(n,) whether the distance of each similarity is within the bounds."""
        distances = (1 - similarities).astype(np.float32)
        inside = np.ones(len(distances), bool)
        if self.low is not None:
            inside &= distances >= np.float32(self.low)
        if self.high is not None:
            inside &= distances < np.float32(self.high)
        return inside

    def near(self, similarities: Floats, margin: float) -> Positions:
        """Those of `similarities` (n,) that are within `margin` of a bound, where rounding decides."""
        close = np.zeros(len(similarities), bool)
        for bound in (self.low, self.high):
            if bound is not None:
                close |= np.abs((1 - bound) - similarities) <= margin
        return np.flatnonzero(close)


def nearest_images(
    task: RetrievalTask, vectors: Floats, bounds: DistanceBounds, among: NDArray[np.bool_], k: int
) -> Iterator[RankedImages]:
    """For each query the `k` nearest images within the bounds, with their influence among all of the pool.

    `among` (rows of the space,): which images may be found.
    """
    space = task.space
    select = Selection(bounds, k, float(space.margin), space.unit_rows, space.ids)
    coverage = measure_coverage(task.pool, "exact", task.pool.size, True, 0.0)
    at = 0
    for queries, rows, similarities in scan_similarities(task, vectors):
        allowed = np.flatnonzero(among[rows])
        for query, line in zip(queries, similarities, strict=True):
            influence = None
            if task.calibration is not None:
                shares = influence_shares(line, task.calibration.law(at, line))
                influence = np.zeros(len(rows))
                influence[shares.positions] = shares.influence
            found, exact = select.nearest(query, rows[allowed], line[allowed])
            chosen = allowed[found]
            mine = None if influence is None else influence[chosen]
            yield RankedImages(rows[chosen], exact, mine, (), Candidates(rows[chosen], exact, mine), coverage)
            at += 1


def nearest_items(
    space: SearchSpace, places: Positions, vectors: Floats, bounds: DistanceBounds, k: int
) -> Iterator[tuple[Positions, Floats]]:
    """For each query the `k` nearest images and samples within the bounds, and their similarities.

    `places` (n,), rising: where those that may be found are in the vector table. Ties are in order of ids.
    """
    select = Selection(bounds, k, float(space.margin), space.item_vectors, space.item_ids)
    at_once = max(1, SIMILARITY_BYTES // (4 * max(1, len(places))))
    for first in range(0, len(vectors), at_once):
        queries = vectors[first : first + at_once]
        lines = np.empty((len(queries), len(places)), np.float32)
        step = rows_at_once(space.dim, ROWS_AT_ONCE)
        for start in range(0, len(places), step):
            part = slice(start, start + step)
            lines[:, part] = queries @ space.item_vectors(places[part]).T
        for query, line in zip(queries, lines, strict=True):
            found, exact = select.nearest(query, places, line)
            yield places[found], exact


@dataclass(frozen=True)
class Selection:
    """How the nearest rows of a query are chosen.

    Attributes:
        bounds: of the distance.
        k: how many rows.
        margin: how far a scanned similarity may be from the exact one.
        read: gives the unit vectors (n, dim) of rows (n,).
        ids: by which ties are ordered.
    """

    bounds: DistanceBounds
    k: int
    margin: float
    read: Callable[[Positions], Floats]
    ids: pa.Array

    def nearest(self, query: Floats, rows: Positions, similarities: Floats) -> tuple[Positions, Floats]:
        """Positions in `rows` (n,), which rise, of the nearest within the bounds, and their similarities.

        `similarities` (n,) are those of a scan; what rounding could decide is computed exactly.
        """
        near = self.bounds.near(similarities, self.margin + ROUNDING)
        exact = similarities.copy()
        exact[near] = self._exact(query, rows[near])
        inside = np.flatnonzero(self.bounds.hold(exact))
        chosen = inside[top_k_candidates(exact[inside], self.k, np.float32(self.margin))]
        scores = self._exact(query, rows[chosen])
        order = rank_order(self.ids, rows[chosen], scores)[: self.k]
        return chosen[order], scores[order]

    def _exact(self, query: Floats, rows: Positions) -> Floats:
        ((_, scores),) = exact_similarities(self.read, query[None], [rows])
        return scores
