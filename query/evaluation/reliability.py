"""How well shares are calibrated: a reliability diagram, its error, and the Brier score.

The truth of a sample with n exemplars in its pool is 1/n on each, and of a null query (a sample without its
exemplars in the pool, or one of the untouched base) 1 on the null. Shares of about s should be true to s on
average. So shares of all images and of the null are put in bins of equal predicted mass, and the mean share
that is predicted in a bin is compared with the mean share that is true.

    ECE = 1/2 sum_bins |predicted mass - true mass| / queries

is the part of the influence that is in the wrong bin: 0 where every bin is right, at most 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"

BINS = 10

LEAST, FINE = -12.0, 24_000
"""Shares are counted in so many fine bins of log10, from this on; smaller ones in the first."""


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of the diagram.

    Attributes:
        predicted: the mean share of its images and nulls.
        true: the mean share that is true.
        mass: the share of all predicted influence that is in it.
        count: its images and nulls, those of null queries with their weight.
    """

    predicted: float
    true: float
    mass: float
    count: float


@dataclass
class ReliabilityCounts:
    """Shares and truth of some queries, by the size of the share; sums of counts are counts of all."""

    queries: float = 0
    squares: float = 0.0
    counts: Floats = field(default_factory=lambda: np.zeros(FINE))
    predicted: Floats = field(default_factory=lambda: np.zeros(FINE))
    true: Floats = field(default_factory=lambda: np.zeros(FINE))

    def add(self, shares: Floats, truth: Floats | float) -> None:
        """Count shares of any shape, with the truth of each."""
        flat, right = shares.ravel(), np.broadcast_to(truth, shares.shape).ravel()
        with np.errstate(divide="ignore"):
            place = np.maximum(np.log10(flat) - LEAST, 0) * (FINE / -LEAST)
        at = np.minimum(place.astype(np.int64), FINE - 1)
        self.counts += np.bincount(at, minlength=FINE)
        self.predicted += np.bincount(at, flat, FINE)
        self.true += np.bincount(at, right, FINE)
        self.squares += float(((flat - right) ** 2).sum())

    def weighted(self, weight: float) -> ReliabilityCounts:
        """The same shares and truth, each query counted `weight` times."""
        return ReliabilityCounts(*(weight * one for one in vars(self).values()))

    def __add__(self, other: ReliabilityCounts) -> ReliabilityCounts:
        return ReliabilityCounts(
            *(one + more for one, more in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def bins(self, bins: int = BINS) -> list[ReliabilityBin]:
        """The diagram: up to `bins` bins of about equal predicted mass, smallest shares first."""
        middle = self.predicted.cumsum() - self.predicted / 2
        at = np.minimum((bins * middle / self.predicted.sum()).astype(np.int64), bins - 1)
        counts, predicted, true = (
            np.bincount(at, one, bins) for one in (self.counts, self.predicted, self.true)
        )
        return [
            ReliabilityBin(
                float(mass / count), float(right / count), float(mass / self.predicted.sum()), float(count)
            )
            for count, mass, right in zip(counts, predicted, true, strict=True)
            if count
        ]

    def ece(self, bins: int = BINS) -> float:
        """The part of the influence that is in the wrong bin."""
        gaps = sum(abs(one.predicted - one.true) * one.count for one in self.bins(bins))
        return gaps / (2 * self.queries)

    def brier(self) -> float:
        """Mean over queries of the sum of squared differences between shares and truth."""
        return self.squares / self.queries
