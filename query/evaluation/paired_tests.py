"""Paired differences over models: intervals, effect sizes, and p values corrected for all that are tested.

A model is a pair of numbers, the means of its samples by two features or in two states of a store. The test
flips signs: if both are as good, a model's difference has either sign with the same probability. It assumes
no distribution, and takes the same statistic as is reported, the mean difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..sql.bootstrap import bounds, too_few

LEVEL = 0.05
"""A difference holds where its corrected p value is below this."""

EXACT_MODELS = 16
"""So many models, or fewer, have all their signs tried: 2^16 ways."""

FLIPS = 99_999
"""Random ways to flip the signs of more models; corrected for hundreds of differences, fewer ways could
find none of them."""

BLOCK = 10_000
"""Ways that are computed at once."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PairedTest:
    """How far the second numbers of some models are above the first ones.

    Attributes:
        models: pairs of numbers.
        first, second: means over models.
        difference: second - first.
        low, high: its 95% bootstrap interval, not corrected; None for fewer than five models.
        effect: Cohen's d of paired differences, their mean in units of their standard deviation over models;
            None where that is 0.
        p: two-sided, by flipping signs; None for fewer than five models.
        adjusted: p after Holm's correction for all differences that were tested together.
        note: "2 models: too few" where nothing is tested, else empty.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """

    models: int
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    effect: float | None
    p: float | None
    adjusted: float | None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the difference is not chance, at LEVEL for all that were tested; None where not tested."""
        return None if self.adjusted is None else self.adjusted < LEVEL


def paired_tests(pairs: Sequence[tuple[Numbers, Numbers]], *, seed: int = 0) -> list[PairedTest]:
    """A test of every pair of arrays, corrected for all of them.

    Args:
        pairs: (models,) first and second numbers, in the same order of models.
        seed: of resampling and of random signs.
    """
    gaps = [second - first for first, second in pairs]
    enough = [number for number, gap in enumerate(gaps) if not too_few(len(gap))]
    found: dict[int, tuple[float, float, float]] = {}
    for size in sorted({len(gaps[number]) for number in enough}):
        own = [number for number in enough if len(gaps[number]) == size]
        table = np.stack([gaps[number] for number in own], axis=1)
        low, high = bounds(table, np.ones(size, np.int64), seed=seed)
        for place, number in enumerate(own):
            found[number] = (float(low[place]), float(high[place]), 0.0)
        for number, p in zip(own, sign_flip_p(table, seed=seed), strict=True):
            found[number] = (*found[number][:2], float(p))
    corrected = dict(zip(enough, holm([found[number][2] for number in enough]), strict=True))
    return [
        _row(first, second, found.get(number), corrected.get(number))
        for number, (first, second) in enumerate(pairs)
    ]


def sign_flip_p(differences: Numbers, *, seed: int = 0) -> Numbers:
    """Two-sided p values that means are 0: the share of all ways to flip signs with a mean as far from 0.

    Args:
        differences: (models, comparisons).
        seed: of random ways, where there are too many to try all.

    Returns:
        (comparisons,) in (0, 1]. Of random ways the given one counts as one, so that none is 0.
    """
    models = len(differences)
    reached = np.abs(differences.sum(axis=0)) * (1 - 1e-9)  # sums in another order may be smaller
    if models <= EXACT_MODELS:
        signs = _all_signs(models)
        counts = (np.abs(signs @ differences) >= reached).sum(axis=0)
        exact: Numbers = counts / len(signs)
        return exact
    rng = np.random.default_rng(seed)
    counts = np.ones(differences.shape[1])
    for start in range(0, FLIPS, BLOCK):
        drawn = rng.integers(0, 2, size=(min(BLOCK, FLIPS - start), models), dtype=np.int8)
        counts += (np.abs((2.0 * drawn - 1) @ differences) >= reached).sum(axis=0)
    random: Numbers = counts / (FLIPS + 1)
    return random


def holm(p: Sequence[float]) -> list[float]:
    """Corrected p values: the k-th smallest of m times m - k + 1, and never below that of a smaller one."""
    order = np.argsort(np.asarray(p), kind="stable")
    factors = np.arange(len(p), 0, -1)
    scaled = np.minimum(np.maximum.accumulate(np.asarray(p)[order] * factors), 1.0)
    corrected = np.empty(len(p))
    corrected[order] = scaled
    return [float(one) for one in corrected]


@lru_cache(maxsize=4)
def _all_signs(models: int) -> Numbers:
    """(2^models, models) of -1 and 1."""
    ways = np.arange(2**models)[:, None] >> np.arange(models)
    signs: Numbers = ((ways & 1) * 2 - 1).astype(np.float64)
    return signs


def _row(
    first: Numbers, second: Numbers, found: tuple[float, float, float] | None, adjusted: float | None
) -> PairedTest:
    gap = second - first
    spread = float(gap.std(ddof=1)) if len(gap) > 1 else 0.0
    low, high, p = found or (None, None, None)
    return PairedTest(
        models=len(gap),
        first=float(first.mean()),
        second=float(second.mean()),
        difference=float(gap.mean()),
        low=low,
        high=high,
        effect=float(gap.mean()) / spread if spread > 1e-12 else None,
        p=p,
        adjusted=adjusted,
        note=too_few(len(gap)),
    )
