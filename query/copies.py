"""Near-duplicates: copies of one picture share a place in an answer, and their influence adds up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-6
"""How far below 1 the cosine of a vector with itself may come out."""


def groups_of_copies(
    cosines: Callable[[NDArray[np.int64]], NDArray[np.float32]], count: int, threshold: float, most: int
) -> list[NDArray[np.int64]]:
    """Places of the first `most` groups, each the best image and its copies.

    Args:
        cosines: those of some of the images, by their places (n,), with all: (n, count).
        count: images, best first.
        threshold: copies of an image have at least this cosine with it; an image belongs to the best one
            that it is a copy of.
        most: groups to find.

    Source: arXiv:2306.09345 B.3, where copies are found by the cosine of an encoder's features.
    """
    free = np.ones(count, bool)
    groups: list[NDArray[np.int64]] = []
    while len(groups) < most and free.any():
        heads = np.flatnonzero(free)[: most - len(groups)]  # one product for all that may head a group
        for head, alike in zip(heads, cosines(heads) >= threshold - ROUNDING, strict=True):
            if free[head]:
                alike[head] = True
                groups.append(np.flatnonzero(free & alike))
                free &= ~alike
    return groups
