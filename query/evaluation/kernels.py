"""The inner loops of ranking, compiled: norms, exact cosines, and counting what is above thresholds.

Importing this loads numba (a second); the rest of the package does so only where ranks are computed.
Cosines are of the vectors as stored, in float64 and a pair at a time, so they do not depend on blocks or
batches.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

SEARCHED = 32
"""Scores that are searched at once, in vector registers, for those too close to a threshold to decide."""

F = TypeVar("F", bound=Callable[..., object])
Rows = NDArray[np.float32]
Reals = NDArray[np.float64]
Indices = NDArray[np.int64]


def compile_kernel(function: F) -> F:
    """Compile `function` to machine code that releases the GIL, cached on disk for the next process.

    Where numba finds no writable cache folder, each process compiles again. Sums may be reassociated,
    which vector instructions need; no other floating-point rule is relaxed.
    """
    options = {"nogil": True, "fastmath": {"reassoc", "contract"}}
    try:
        kernel: F = njit(cache=True, **options)(function)
    except RuntimeError:
        kernel = njit(**options)(function)
    return kernel


@compile_kernel
def dot(one: Rows, other: Rows) -> float:
    """Inner product of two vectors (dim,), summed in float64."""
    total = 0.0
    for i in range(one.shape[0]):
        total += np.float64(one[i]) * np.float64(other[i])
    return total


@compile_kernel
def cosine(one: Rows, other: Rows, norms: float) -> float:
    """Cosine of two vectors, given the product of their lengths; 0 for a vector of zeros."""
    if norms == 0.0:
        return 0.0
    return dot(one, other) / norms


@compile_kernel
def lengths(rows: Rows, norms: Reals) -> None:
    """Writes the length of each row of (items, dim) to `norms` (items,)."""
    for i in range(rows.shape[0]):
        norms[i] = np.sqrt(dot(rows[i], rows[i]))


@compile_kernel
def unit_rows(rows: Rows, norms: Reals, units: Rows) -> None:
    """Writes the lengths of rows (items, dim) and the rows at unit length; zeros stay zeros."""
    for i in range(rows.shape[0]):
        norms[i] = np.sqrt(dot(rows[i], rows[i]))
        scale = 1.0 / norms[i] if norms[i] > 0.0 else 0.0
        for k in range(rows.shape[1]):
            units[i, k] = np.float32(np.float64(rows[i, k]) * scale)


@compile_kernel
def pair_cosines(
    samples: Rows, sample_norms: Reals, items: Rows, norms: Reals, pairs: Indices, cosines: Reals
) -> None:
    """Writes to `cosines` (n,) that of each of `pairs` (n, 2), a row of `samples` and one of `items`."""
    for p in range(pairs.shape[0]):
        q, i = pairs[p, 0], pairs[p, 1]
        cosines[p] = cosine(samples[q], items[i], sample_norms[q] * norms[i])


@compile_kernel
def count_tile(
    scores: Rows,
    first: int,
    offsets: Indices,
    thresholds: Reals,
    low: Rows,
    high: Rows,
    samples: Rows,
    sample_norms: Reals,
    items: Rows,
    norms: Reals,
    before: Indices,
) -> None:
    """Adds to `before` how many items of a tile are at or above each threshold.

    A score at or above `high` is above its threshold whatever its rounding error, one below `low` is not;
    only those between are computed again, exactly. The thresholds of a sample fall, so the last one is the
    lowest: where no score of the tile reaches it, the others are skipped.

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
            # Casts keep the sums in 32 bits: numba widens integers, and half as many fit a vector register.
            maybe, certain = np.uint32(0), np.uint32(0)
            for i in range(line.shape[0]):
                maybe = np.uint32(maybe + np.uint32(line[i] >= low[t]))
                certain = np.uint32(certain + np.uint32(line[i] >= high[t]))
            if maybe == 0:
                break
            before[t] += np.int64(certain)
            undecided, start = np.int64(maybe) - np.int64(certain), 0
            while undecided > 0:
                stop = min(start + SEARCHED, line.shape[0])
                inside = np.uint32(0)
                for i in range(start, stop):
                    inside = np.uint32(inside + np.uint32((line[i] >= low[t]) & (line[i] < high[t])))
                if inside > 0:
                    undecided -= np.int64(inside)
                    for i in range(start, stop):
                        if low[t] <= line[i] < high[t]:
                            exact = cosine(samples[q], items[i], sample_norms[q] * norms[i])
                            before[t] += exact >= thresholds[t]
                start = stop
