"""Near-duplicates: images so similar to each other that an answer lists them in one place.

Source: arXiv:2306.09345 B.3, where they are found by the cosine of an encoder's features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..search import SearchSpace
from ..search.topk import Positions

Cosines: TypeAlias = Callable[["NDArray[np.int64]"], "NDArray[np.float32]"]

COSINES_AT_ONCE = 1 << 24
"""Cosines in memory at once, 64 MB: however many groups are asked for among however many images."""

ROUNDING = 1e-6
"""How far below 1 the cosine of a vector with itself may come out."""


def group_near_duplicates(cosines: Cosines, count: int, threshold: float, most: int) -> list[Positions]:
    """Positions of the first `most` groups, each the best image and its near-duplicates.

    Args:
        cosines: those of some of the images, by their positions (m,), with all: (m, count).
        count: images, best first.
        threshold: near-duplicates of an image have at least this cosine with it; an image belongs to the best
            one that it is a near-duplicate of.
        most: groups to find.
    """
    free = np.ones(count, bool)
    at_once = max(1, COSINES_AT_ONCE // max(1, count))
    groups: list[Positions] = []
    while len(groups) < most and free.any():
        # one product for many that may head a group
        heads = np.flatnonzero(free)[: min(at_once, most - len(groups))]
        for head, similar in zip(heads, cosines(heads) >= threshold - ROUNDING, strict=True):
            if free[head]:
                similar[head] = True
                groups.append(np.flatnonzero(free & similar))
                free &= ~similar
    return groups


def pairwise_cosines(space: SearchSpace, rows: Positions) -> Cosines:
    """A function of positions (m,) in `rows` (n,): the cosines (m, n) of those images with all of `rows`."""
    in_memory = space.loaded_vectors()
    if in_memory is not None and 4 * len(rows) > len(in_memory):  # gathering the rows would take longer
        return lambda some: (in_memory[rows[some]] @ in_memory.T)[:, rows]
    vectors = space.unit_rows(rows)
    return lambda some: vectors[some] @ vectors.T
