"""From links to clusters: the images of one work, and the one that stands for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..attribution.near_duplicates import group_near_duplicates
from ..search.topk import Floats, Positions, batch_by_size
from .links import Links, connected
from .settings import CHAIN

HELD_ROWS = 16_384
"""Vectors kept in memory: of several components, or of one. Those of a larger one are read for each use."""

READ_ROWS = 8192
"""Vectors of such a component read at once."""


class Likeness(Protocol):
    """How similar images are, by their rows in a space."""

    def held(self, rows: Positions) -> Likeness:
        """The same of these rows (n,), which rise, in memory."""
        ...

    def central(self, rows: Positions) -> Floats:
        """(n,) how near each of the images is to the middle of them all."""
        ...

    def between(self, some: Positions, rows: Positions) -> Floats:
        """(some, rows) their similarities."""
        ...


@dataclass(frozen=True)
class VectorLikeness:
    """By cosine; `read` gives the unit vectors (n, dim) of rows (n,)."""

    read: Callable[[Positions], Floats]

    def held(self, rows: Positions) -> VectorLikeness:
        """The same of these rows, in memory."""
        vectors = self.read(rows)
        return VectorLikeness(lambda some: vectors[np.searchsorted(rows, some)])

    def central(self, rows: Positions) -> Floats:
        """The product with the sum of the vectors."""
        total = sum(self.read(block).sum(axis=0, dtype=np.float64) for block in _blocks(rows))
        middle = np.asarray(total, np.float32)
        return np.concatenate([self.read(block) @ middle for block in _blocks(rows)])

    def between(self, some: Positions, rows: Positions) -> Floats:
        """Cosines, from blocks of vectors."""
        vectors = self.read(some)
        return np.concatenate([vectors @ self.read(block).T for block in _blocks(rows)], axis=1)


def _blocks(rows: Positions) -> Iterator[Positions]:
    for start in range(0, len(rows), READ_ROWS):
        yield rows[start : start + READ_ROWS]


@dataclass(frozen=True)
class Cluster:
    """Images of one work: `rows` (n,), the first of which stands for it; `similarity` (n,) to that one."""

    rows: Positions
    similarity: Floats


def find_clusters(
    links: Links, count: int, likeness: Likeness, threshold: float, rule: str
) -> Iterator[Cluster]:
    """The clusters of two images or more, of `count` images with these links.

    By `chain` a cluster is whatever is connected; the image nearest to the middle stands for it. By `star`
    the images of each component are taken from the middle outwards: one that is in no cluster yet begins one,
    with all that are in none and have a similarity of `threshold` or more to it.
    """
    for rows, held in _components(links, count, likeness):
        central = held.central(rows)
        ordered = rows[np.lexsort((rows, -central))]
        if rule == CHAIN or len(rows) == 2:
            yield Cluster(ordered, held.between(ordered[:1], ordered)[0])
        else:
            yield from _stars(ordered, held, threshold)


def _components(links: Links, count: int, likeness: Likeness) -> Iterator[tuple[Positions, Likeness]]:
    """The rows (n,) of each component of two images or more, rising, and a likeness of them."""
    if not len(links):
        return
    component = connected(links, count)
    linked = np.unique(np.concatenate([links.first, links.second]))
    order = linked[np.argsort(component[linked], kind="stable")]
    components = np.split(order, np.flatnonzero(np.diff(component[order])) + 1)
    for batch in batch_by_size([len(rows) for rows in components], HELD_ROWS):
        mine = components[batch.start : batch.stop]
        small = len(mine) > 1 or len(mine[0]) <= HELD_ROWS
        held = likeness.held(np.sort(np.concatenate(mine))) if small else likeness
        for rows in mine:
            yield rows, held


def _stars(rows: Positions, likeness: Likeness, threshold: float) -> Iterator[Cluster]:
    """The clusters of one component, whose images come from the middle outwards."""

    def similar(some: NDArray[np.int64]) -> Floats:
        return likeness.between(rows[some], rows)

    for group in group_near_duplicates(similar, len(rows), threshold, len(rows)):
        if len(group) > 1:
            yield Cluster(rows[group], likeness.between(rows[group[:1]], rows[group])[0])
