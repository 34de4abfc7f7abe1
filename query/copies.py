"""Near-duplicates: copies of one picture share a place in an answer, and their influence adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .search import SearchSpace

ROUNDING = 1e-6
"""How far below 1 the cosine of a vector with itself may come out."""


def groups_of_copies(
    space: SearchSpace, rows: NDArray[np.int64], threshold: float, most: int
) -> list[NDArray[np.int64]]:
    """Places in `rows` of the first `most` groups, each the best image and its copies.

    Args:
        space: where the vectors of the images are.
        rows: (n,) of the space, best first.
        threshold: copies of an image have at least this cosine with it; an image belongs to the best one
            that it is a copy of.
        most: groups to find.

    Source: arXiv:2306.09345 B.3, where copies are found by the cosine of an encoder's features.
    """
    vectors = space.unit_rows(rows)
    free = np.ones(len(rows), bool)
    groups: list[NDArray[np.int64]] = []
    while len(groups) < most and free.any():
        first = int(np.argmax(free))
        alike = vectors @ vectors[first] >= threshold - ROUNDING
        alike[first] = True
        groups.append(np.flatnonzero(free & alike))
        free &= ~alike
    return groups
