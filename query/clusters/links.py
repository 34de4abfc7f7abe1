"""Links between images, and of many links the few that keep together what is connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..search.topk import Floats, Positions

BLOCK = 2048
"""Images compared with as many others at once: 16 MB of similarities."""

HELD_ROWS = 32_768
"""Vectors in memory at once; those of more images are read again for each part of so many."""

REDUCE_AT = 2_000_000
"""Links kept before they are reduced to a forest: among n copies there are n squared."""


@dataclass(frozen=True)
class Links:
    """`similarity` (n,) of the images `first` (n,) and `second` (n,), rows of a space, first < second."""

    first: Positions
    second: Positions
    similarity: Floats

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def none(cls) -> Links:
        """No links."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def join_links(parts: list[Links]) -> Links:
    """All links of the parts, each pair once."""
    if not parts:
        return Links.none()
    first, second = (np.concatenate([getattr(one, name) for one in parts]) for name in ("first", "second"))
    similarity = np.concatenate([one.similarity for one in parts])
    order = np.lexsort((second, first))
    first, second, similarity = first[order], second[order], similarity[order]
    new = np.append(True, (np.diff(first) != 0) | (np.diff(second) != 0))[: len(first)]
    return Links(first[new], second[new], similarity[new])


def link_all(read: Callable[[Positions], Floats], rows: Positions, threshold: float) -> Links:
    """The forest (`reduce_to_forest`) of the links among some images with a cosine of `threshold` or more.

    Args:
        read: the unit vectors (n, dim) of rows (n,).
        rows: (n,) of the images, rising.
        threshold: the least cosine, compared with sums in float32.
    """
    parts: list[Links] = []
    kept, limit = 0, REDUCE_AT
    for found in _pairs(read, rows, threshold):
        parts.append(found)
        kept += len(found)
        if kept > limit:
            parts = [reduce_to_forest(join_links(parts), len(rows))]
            kept = len(parts[0])
            limit = max(REDUCE_AT, 2 * kept)
    forest = reduce_to_forest(join_links(parts), len(rows))
    return Links(rows[forest.first], rows[forest.second], forest.similarity)


def _pairs(read: Callable[[Positions], Floats], rows: Positions, threshold: float) -> Iterator[Links]:
    """The pairs above the threshold, by their places among `rows`, a block at a time."""
    for begin in range(0, len(rows), HELD_ROWS):
        held = read(rows[begin : begin + HELD_ROWS])
        for other in range(begin, len(rows), BLOCK):
            inside = other - begin < len(held)
            beside = held[other - begin :][:BLOCK] if inside else read(rows[other : other + BLOCK])
            for start in range(begin, min(begin + len(held), other + 1), BLOCK):
                mine = held[start - begin :][:BLOCK]
                similarity = mine @ beside.T
                at, column = np.nonzero(similarity >= threshold)
                if other == start:
                    above = column > at
                    at, column = at[above], column[above]
                if len(at):
                    yield Links(at + start, column + other, similarity[at, column])


def reduce_to_forest(links: Links, count: int) -> Links:
    """The links of a forest of largest similarity over `count` images: what was connected stays so.

    It stays so at every higher threshold too, and forests of parts give the forest of the whole.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    if not len(links):
        return links
    weight = 3.0 - links.similarity.astype(np.float64)  # a zero would be no link
    graph = coo_array((weight, (links.first, links.second)), shape=(count, count)).tocsr()
    forest = minimum_spanning_tree(graph).tocoo()
    first, second = np.minimum(*forest.coords), np.maximum(*forest.coords)
    similarity = np.asarray(3.0 - forest.data, np.float32)
    order = np.lexsort((second, first))
    return Links(first[order].astype(np.int64), second[order].astype(np.int64), similarity[order])


def connected(links: Links, count: int) -> NDArray[np.int64]:
    """(count,) the number of the component that each image is in."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(links), np.int8)
    graph = coo_array((ones, (links.first, links.second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
