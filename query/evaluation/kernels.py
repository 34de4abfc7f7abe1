"""The inner loops of ranking, compiled: norms, exact cosines, and counting what is above thresholds.

Importing this loads numba (a second); the rest of the package does so only where ranks are computed.
Cosines are of the vectors as stored, in float64 and a pair at a time: no block or batch shows in them.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., object])
Rows = NDArray[np.float32]
Reals = NDArray[np.float64]
Places = NDArray[np.int64]


def compiled(function: F) -> F:
    """`function` as machine code that lets other threads run, kept on disk for the next process.

    Where numba finds no folder that it may write, each process compiles anew. Sums may be added up in
    another order, which vector instructions need; nothing else is relaxed.
    """
    options = {"nogil": True, "fastmath": {"reassoc", "contract"}}
    try:
        made: F = njit(cache=True, **options)(function)
    except RuntimeError:
        made = njit(**options)(function)
    return made


@compiled
def dot(one: Rows, other: Rows) -> float:
    """Inner product of two vectors (dim,), summed in float64."""
    total = 0.0
    for i in range(one.shape[0]):
        total += np.float64(one[i]) * np.float64(other[i])
    return total


@compiled
def cosine(one: Rows, other: Rows, norms: float) -> float:
    """Cosine of two vectors, given the product of their lengths; 0 for a vector of zeros."""
    if norms == 0.0:
        return 0.0
    return dot(one, other) / norms


@compiled
def lengths(rows: Rows, norms: Reals) -> None:
    """Writes the length of each row of (items, dim) to `norms` (items,)."""
    for i in range(rows.shape[0]):
        norms[i] = np.sqrt(dot(rows[i], rows[i]))


@compiled
def unit_rows(rows: Rows, norms: Reals, units: Rows) -> None:
    """Writes the lengths of rows (items, dim) and the rows at unit length; zeros stay zeros."""
    for i in range(rows.shape[0]):
        norms[i] = np.sqrt(dot(rows[i], rows[i]))
        scale = 1.0 / norms[i] if norms[i] > 0.0 else 0.0
        for k in range(rows.shape[1]):
            units[i, k] = np.float32(np.float64(rows[i, k]) * scale)


@compiled
def pair_cosines(
    samples: Rows, sample_norms: Reals, items: Rows, norms: Reals, pairs: Places, found: Reals
) -> None:
    """Writes the cosine of each of `pairs` (n, 2), a row of `samples` and one of `items`, to `found` (n,)."""
    for p in range(pairs.shape[0]):
        q, i = pairs[p, 0], pairs[p, 1]
        found[p] = cosine(samples[q], items[i], sample_norms[q] * norms[i])


@compiled
def count_tile(
    scores: Rows,
    first: int,
    offsets: Places,
    thresholds: Reals,
    low: Rows,
    high: Rows,
    samples: Rows,
    sample_norms: Reals,
    items: Rows,
    norms: Reals,
    before: Places,
) -> None:
    """Adds to `before` how many items of a tile are at or above each threshold.

    A score at or above `high` is above its threshold whatever its rounding error, one below `low` is not;
    only those between are computed again, exactly. Thresholds fall within a sample, so that the last one,
    the lowest, tells of most tiles that there is nothing in them.

    Args:
        scores: (samples of the tile, items) float32 cosines.
        first: the sample that the first row of `scores` belongs to.
        offsets: (samples + 1,) where the thresholds of each sample start.
        thresholds: (thresholds,) of exact cosines.
        low: (thresholds,) the same less the largest error of a score.
        high: (thresholds,) the same plus that error.
        samples: (samples, dim) vectors as stored.
        sample_norms: (samples,) their lengths.
        items: (items, dim) vectors as stored.
        norms: (items,) their lengths.
        before: (thresholds,), added to.
    """
    for row in range(scores.shape[0]):
        q = first + row
        line = scores[row]
        for t in range(offsets[q + 1] - 1, offsets[q] - 1, -1):
            maybe, sure = np.int32(0), np.int32(0)
            for i in range(line.shape[0]):
                maybe += line[i] >= low[t]
                sure += line[i] >= high[t]
            if maybe == 0:
                break
            before[t] += sure
            unsure, i = maybe - sure, 0
            while unsure > 0:
                if low[t] <= line[i] < high[t]:
                    exact = cosine(samples[q], items[i], sample_norms[q] * norms[i])
                    before[t] += exact >= thresholds[t]
                    unsure -= 1
                i += 1
