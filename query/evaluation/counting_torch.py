"""Counting on a GPU through torch; cosines that float32 cannot decide are computed again on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .counting import Thresholds, check_finite
from .kernels import pair_cosines, unit_rows

SCORES = 1 << 26
"""Scores held at once: 256 MB of float32."""


class TorchCounter:
    """Counts on one torch device.

    Samples are ordered by how many thresholds they have, most first, so that each further threshold is
    compared only for the samples that have one.
    """

    def __init__(self, thresholds: Thresholds, device: str) -> None:
        self._thresholds, self._device = thresholds, torch.device(device)
        counts = np.diff(thresholds.offsets)
        self._order = np.argsort(-counts, kind="stable")
        self._counts = counts[self._order]
        self._most = int(self._counts[0]) if len(counts) else 0
        self._units = self._put(thresholds.units[self._order])
        self._low, self._high = self._pad(thresholds.low), self._pad(thresholds.high)
        self._before = torch.zeros(self._high.shape, dtype=torch.int64, device=self._device)
        self._exact = np.zeros(len(thresholds.values), np.int64)

    def run(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[int]:
        """Count blocks (items, dim) as stored; yields how many rows each had.

        Raises DataError for a vector that is not finite.
        """
        precision = torch.get_float32_matmul_precision()
        for rows in blocks:
            torch.set_float32_matmul_precision("highest")  # no TF32: its error is beyond the bound
            try:
                self._count(rows)
            finally:
                torch.set_float32_matmul_precision(precision)
            yield len(rows)

    @property
    def before(self) -> NDArray[np.int64]:
        """(thresholds,) how many rows were at or above each."""
        counts = self._exact.copy()
        certain = self._before.cpu().numpy()
        for column in range(self._most):
            rows = self._having(column)
            counts[self._thresholds.offsets[self._order[:rows]] + column] += certain[:rows, column]
        return counts

    def _count(self, rows: NDArray[np.float32]) -> None:
        units, norms = np.empty_like(rows), np.empty(len(rows))
        unit_rows(rows, norms, units)
        check_finite(norms, "a gallery image")
        items = self._put(units).T
        step = max(1, SCORES // max(1, len(rows)))
        for start in range(0, len(self._units), step):
            scores = self._units[start : start + step] @ items
            for column in range(self._most):
                having = self._having(column) - start
                if having <= 0:
                    break
                self._compare(scores[:having], start, column, rows, norms)

    def _compare(
        self, scores: Tensor, start: int, column: int, rows: NDArray[np.float32], norms: NDArray[np.float64]
    ) -> None:
        """Count one threshold of the samples from `start` on; scores (samples, items)."""
        part = slice(start, start + len(scores))
        certain = scores >= self._high[part, column, None]
        self._before[part, column] += certain.sum(1)
        undecided = (scores >= self._low[part, column, None]) & ~certain
        pairs = undecided.nonzero().cpu().numpy()
        if not len(pairs):
            return
        limits = self._thresholds
        pairs[:, 0] = self._order[start + pairs[:, 0]]
        cosines = np.empty(len(pairs))
        pair_cosines(limits.samples, limits.norms, rows, norms, pairs, cosines)
        at = limits.offsets[pairs[:, 0]] + column
        np.add.at(self._exact, at, cosines >= limits.values[at])

    def _having(self, column: int) -> int:
        """How many samples, counted from the first, have more than `column` thresholds."""
        return int(np.searchsorted(-self._counts, -column, side="left"))

    def _pad(self, values: NDArray[np.float32]) -> Tensor:
        """(samples, thresholds) on the device; padding is never compared."""
        table = np.full((len(self._order), self._most), np.inf, np.float32)
        owners = np.repeat(np.arange(len(self._order)), self._counts)
        columns = np.arange(len(owners)) - np.repeat(np.cumsum(self._counts) - self._counts, self._counts)
        table[owners, columns] = values[self._thresholds.offsets[self._order[owners]] + columns]
        return self._put(table)

    def _put(self, rows: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self._device)
