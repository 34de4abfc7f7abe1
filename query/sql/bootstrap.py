"""Bootstrap confidence intervals of means, resampling models instead of samples.

Samples of one model share its exemplars and its training, so they are not independent: a group (a model, or
all models of the same exemplars) is drawn with all its samples or not at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...store.errors import InvalidInputError

RESAMPLES = 2000
MAX_COUNTS = 2_000_000
"""Draw counts, groups x resamples, held in memory at once."""

MIN_MODELS = 5
"""Fewer models have no interval: resamples of so few say little of others."""


def too_few(models: int) -> str:
    """`2 models: too few` where there is no interval; empty otherwise."""
    if models >= MIN_MODELS:
        return ""
    return f"{models} model{'' if models == 1 else 's'}: too few"


@dataclass(frozen=True)
class Interval:
    """An estimate and its `confidence` interval: percentiles of the bootstrap distribution.

    `low` and `high` are None where so few models are compared (MIN_MODELS) that nothing is claimed.
    """

    estimate: float
    low: float | None
    high: float | None
    confidence: float
    samples: int
    groups: int


def bounds(
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The intervals of several means over the same samples, from sums over each group, with the same draws.

    Args:
        sums: (groups, metrics) sums over the samples of each group.
        counts: (groups,) its samples.
        confidence: of the intervals.
        resamples: how often groups are drawn.
        seed: same seed and order of groups, same intervals.

    Returns:
        The lower and the upper ends, (metrics,) each.
    """
    drawn = _resampled_sums(np.concatenate([sums.T, counts[None].astype(np.float64)]), resamples, seed)
    low, high = np.quantile(drawn[:-1] / drawn[-1], [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return low, high


def difference(
    values: ArrayLike,
    control: ArrayLike,
    groups: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of `values` outside the control minus the mean inside, with its bootstrap interval.

    Both arms of a group (a set of exemplars) are drawn together, so what they share cancels.

    Args:
        values: (samples,) finite numbers.
        control: (samples,) which samples are the control's.
        groups: (samples,) the set of exemplars of each sample.
        confidence: of the interval, between 0 and 1.
        resamples: how often groups are drawn.
        seed: same seed, same interval.

    Raises:
        InvalidInputError: no values, other lengths, not finite, a confidence out of range, or an arm without
            samples.
    """
    numbers, codes = _validate(values, groups, confidence)
    inside = np.asarray(control, np.bool_)
    if inside.shape != numbers.shape or inside.all() or not inside.any():
        raise InvalidInputError(
            "a comparison needs samples of customized models and of the control",
            hint="sample the untouched base too",
        )
    weights = (numbers * ~inside, ~inside * 1.0, numbers * inside, inside * 1.0)
    totals = np.stack([np.bincount(codes, weight) for weight in weights]).astype(np.float64)
    sums = _resampled_sums(totals, resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = sums[0] / sums[1] - sums[2] / sums[3]
    differences = differences[np.isfinite(differences)]  # a draw may have no group of one arm
    low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
    estimate = float(numbers[~inside].mean() - numbers[inside].mean())
    return Interval(estimate, float(low), float(high), confidence, numbers.size, totals.shape[1])


def _validate(
    values: ArrayLike, groups: Sequence[Hashable], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The values, and the number of each one's group."""
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not numbers.size or len(groups) != numbers.size:
        raise InvalidInputError(
            f"there are {numbers.size} values and {len(groups)} groups",
            hint="give one group for each value, and at least one value",
        )
    if not np.isfinite(numbers).all():
        raise InvalidInputError("a value is not finite", hint="leave out samples that were not measured")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"the confidence {confidence} is not between 0 and 1", hint="use 0.95")
    # Groups are numbered in sorted order, so that the order of the rows does not change the interval.
    codes = {group: code for code, group in enumerate(sorted(set(groups), key=str))}
    return numbers, np.array([codes[group] for group in groups], np.int64)


def _resampled_sums(totals: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Sums over groups drawn with replacement: (rows, groups) to (rows, resamples)."""
    groups = totals.shape[1]
    if groups * resamples <= MAX_COUNTS:
        return totals @ _cached_draw_counts(groups, resamples, seed)
    rng = np.random.default_rng(seed)
    step = max(1, MAX_COUNTS // groups)
    blocks = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([totals @ _draw_counts(rng, groups, block) for block in blocks], axis=1)


@lru_cache(maxsize=4)
def _cached_draw_counts(groups: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """Draws depend on these three numbers only, so all metrics of all mappers on a case share them."""
    return _draw_counts(np.random.default_rng(seed), groups, resamples)


def _draw_counts(rng: np.random.Generator, groups: int, resamples: int) -> NDArray[np.float64]:
    """How often each group is drawn in each resample: (groups, resamples)."""
    drawn = rng.integers(groups, size=(resamples, groups)) + groups * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=groups * resamples)
    return counts.reshape(resamples, groups).T.astype(np.float64)
