"""How many gallery images are at least as similar to a sample as its exemplars: counted, never sorted.

The bulk of the work is one float32 matrix product; a tile of it is counted while it is still in cache. A
score is trusted only where its distance from the threshold exceeds the largest error that float32 can have
made; the others are computed again in float64. So the counts are exact, and the same whatever the block
size, the number of threads or the device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...runtime.blas_threads import single_thread_products
from ...store.errors import DataError

BLOCK = 512
"""Gallery rows of a tile: with QUERIES samples its scores are 2 MB, about what the cache of one core holds.
Smaller ones make each product slower: it packs the samples again for each."""

QUERIES = 1024
"""Samples of a tile."""


def float32_error(dim: int) -> float:
    """The most that a float32 cosine of two unit rows (dim,) can be off, in whatever order it was summed.

    Each of `dim` multiply-adds rounds by at most 2^-24 of sums that Cauchy-Schwarz keeps at 1 or less; the
    rows themselves were rounded once. One percent is for the products of these errors.
    """
    return 1.01 * (dim + 4) * 2.0**-24


@dataclass(frozen=True)
class Thresholds:
    """Samples with the similarities that gallery images are counted against; those of one sample fall.

    Raises DataError for a vector that is not finite.
    """

    samples: NDArray[np.float32]  # (samples, dim) as stored
    offsets: NDArray[np.int64]  # (samples + 1,) where the thresholds of each sample start
    values: NDArray[np.float64]  # (thresholds,)
    norms: NDArray[np.float64] = field(init=False)  # (samples,)
    units: NDArray[np.float32] = field(init=False)  # (samples, dim)
    low: NDArray[np.float32] = field(init=False)  # (thresholds,) a score below this one is below
    high: NDArray[np.float32] = field(init=False)  # (thresholds,) a score from this one on is above

    def __post_init__(self) -> None:
        from .kernels import unit_rows

        units, norms = np.empty_like(self.samples), np.empty(len(self.samples))
        unit_rows(self.samples, norms, units)
        check_finite(norms, "a sample")
        error = float32_error(self.samples.shape[1])
        low = np.nextafter((self.values - error).astype(np.float32), np.float32(-np.inf))
        high = np.nextafter((self.values + error).astype(np.float32), np.float32(np.inf))
        for name, value in (("norms", norms), ("units", units), ("low", low), ("high", high)):
            object.__setattr__(self, name, value)


class CpuCounter:
    """Counts with one thread a core: each multiplies its own blocks and counts them before the next."""

    def __init__(self, thresholds: Thresholds, threads: int) -> None:
        self._thresholds, self._threads = thresholds, threads
        self._buffers: list[_CountBuffers] = []
        self._idle: list[_CountBuffers] = []

    def run(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[int]:
        """Count blocks (items, dim) as stored; yields how many rows each had. Few are held at a time.

        Raises DataError for a vector that is not finite.
        """
        with single_thread_products(), ThreadPoolExecutor(self._threads) as pool:
            waiting: deque[Future[int]] = deque()
            for rows in blocks:
                waiting.append(pool.submit(self._count, rows))
                if len(waiting) > 2 * self._threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    @property
    def before(self) -> NDArray[np.int64]:
        """(thresholds,) how many rows were at or above each."""
        none = np.zeros(len(self._thresholds.values), np.int64)
        return sum((buffers.before for buffers in self._buffers), none)

    def _count(self, rows: NDArray[np.float32]) -> int:
        try:
            buffers = self._idle.pop()
        except IndexError:
            buffers = _CountBuffers(self._thresholds)
            self._buffers.append(buffers)
        for start in range(0, len(rows), BLOCK):
            buffers.count(rows[start : start + BLOCK])
        self._idle.append(buffers)
        return len(rows)


class _CountBuffers:
    """The buffers of one thread: its tile of scores, its unit rows and its counts."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._scores = np.empty(min(QUERIES, len(thresholds.samples)) * BLOCK, np.float32)
        self._units = np.empty((BLOCK, thresholds.samples.shape[1]), np.float32)
        self._norms = np.empty(BLOCK)
        self.before = np.zeros(len(thresholds.values), np.int64)

    def count(self, rows: NDArray[np.float32]) -> None:
        """Add a tile of the gallery, (items up to BLOCK, dim) as stored, to `before`."""
        from .kernels import count_tile, unit_rows

        limits, items = self._thresholds, len(rows)
        units, norms = self._units[:items], self._norms[:items]
        unit_rows(rows, norms, units)
        check_finite(norms, "a gallery image")
        for start in range(0, len(limits.samples), QUERIES):
            samples = limits.units[start : start + QUERIES]
            scores = self._scores[: len(samples) * items].reshape(len(samples), items)
            np.matmul(samples, units.T, out=scores)
            count_tile(
                scores, start, limits.offsets, limits.values, limits.low, limits.high,
                limits.samples, limits.norms, rows, norms, self.before,
            )  # fmt: skip


def check_finite(norms: NDArray[np.float64], what: str) -> None:
    """Raises DataError unless the lengths of vectors are finite, and so the vectors."""
    if not np.isfinite(norms).all():
        raise DataError(
            f"the vector of {what} is not finite", hint="embed the items again, or import good features"
        )
