"""The centres of an index's partitions: spherical k-means over the images of a space, samples left out."""

from __future__ import annotations

import numpy as np

from .space import SearchSpace
from .topk import Floats, Positions

ROWS_PER_CENTRE = 64
ROUNDS = 12
BLOCK = 8192


def train_centroids(space: SearchSpace, count: int) -> Floats:
    """(count, dim) unit rows, from ROWS_PER_CENTRE images each, drawn at random.

    The space has `count` images or more.
    """
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(space), size=min(len(space), ROWS_PER_CENTRE * count), replace=False)
    blocks = [np.sort(drawn[start : start + BLOCK]) for start in range(0, len(drawn), BLOCK)]
    rows = np.concatenate([space.unit_rows(block) for block in blocks])
    centres = rows[rng.choice(len(rows), size=count, replace=False)]
    for _ in range(ROUNDS):
        nearest, similarities = _assign(rows, centres)
        centres = _means(rows, nearest, similarities, count)
    return centres


def _assign(rows: Floats, centres: Floats) -> tuple[Positions, Floats]:
    """(rows,) the centre nearest to each row, and the similarity to it."""
    nearest, similarities = np.empty(len(rows), np.int64), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK] @ centres.T
        best = block.argmax(axis=1)
        nearest[start : start + BLOCK] = best
        similarities[start : start + BLOCK] = block[np.arange(len(best)), best]
    return nearest, similarities


def _means(rows: Floats, nearest: Positions, similarities: Floats, count: int) -> Floats:
    """(count, dim) unit means of the rows of each centre; one without rows gets a row far from its own."""
    order = np.argsort(nearest, kind="stable")
    starts = np.searchsorted(nearest[order], np.arange(count))
    filled = np.diff(np.append(starts, len(rows))) > 0
    means = np.empty((count, rows.shape[1]), np.float32)
    means[filled] = np.add.reduceat(rows[order], starts[filled], axis=0)
    empty = count - int(np.count_nonzero(filled))
    means[~filled] = rows[np.argsort(similarities, kind="stable")[:empty]]
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
