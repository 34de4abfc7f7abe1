"""How sure a mean is: bootstrap intervals that resample models, not samples.

Samples of one model share its exemplars and its training, so they are not independent; a model (or a set of
models of the same exemplars) is drawn with all its samples or not at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from ...store.errors import InvalidInputError

if TYPE_CHECKING:
    import duckdb


RESAMPLES = 2000
_AT_ONCE = 2_000_000  # drawn counts held in memory


@dataclass(frozen=True)
class Interval:
    """An estimate and where it lies with `confidence`: percentiles of the bootstrap distribution."""

    estimate: float
    low: float
    high: float
    confidence: float
    samples: int
    groups: int

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval."""
        return not self.low <= value <= self.high


def interval(
    values: ArrayLike,
    groups: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of `values` with its bootstrap interval.

    Args:
        values: (samples,) finite numbers.
        groups: (samples,) the model of each sample, or whatever is independent of the others.
        confidence: of the interval, between 0 and 1.
        resamples: how often groups are drawn, with replacement, as many as there are.
        seed: same seed, same interval.

    Raises:
        InvalidInputError: no values, other lengths, not finite, or a confidence out of range.
    """
    numbers, codes = _checked(values, groups, confidence)
    totals = np.stack([np.bincount(codes, numbers), np.bincount(codes).astype(np.float64)])
    drawn = _drawn_sums(totals, resamples, seed)
    return _interval(float(numbers.mean()), drawn[0] / drawn[1], confidence, numbers.size, totals.shape[1])


def bounds(
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where several means over the same samples lie, from sums over each group: the same draws for all.

    Args:
        sums: (groups, metrics) sums over the samples of each group.
        counts: (groups,) its samples.
        confidence: of the intervals.
        resamples: how often groups are drawn.
        seed: same seed and order of groups, same intervals.

    Returns:
        The lower and the upper ends, (metrics,) each.
    """
    drawn = _drawn_sums(np.concatenate([sums.T, counts[None].astype(np.float64)]), resamples, seed)
    low, high = np.quantile(drawn[:-1] / drawn[-1], [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return low, high


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    groups: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of `second - first`, two measurements of the same samples, with its bootstrap interval.

    Arguments and errors as for `interval`.
    """
    before, after = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if before.shape != after.shape:
        raise InvalidInputError(
            f"{before.size} and {after.size} values are no pairs", hint="measure the same samples twice"
        )
    return interval(after - before, groups, confidence=confidence, resamples=resamples, seed=seed)


def difference(
    values: ArrayLike,
    control: ArrayLike,
    groups: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of `values` outside the control less the mean inside, with its bootstrap interval.

    Both arms of a group (a set of exemplars) are drawn together, so what they share cancels.

    Args:
        values: (samples,) finite numbers.
        control: (samples,) which samples are the control's.
        groups: (samples,) what is drawn.
        confidence: of the interval, between 0 and 1.
        resamples: how often groups are drawn.
        seed: same seed, same interval.

    Raises:
        InvalidInputError: as for `interval`, or an arm without samples.
    """
    numbers, codes = _checked(values, groups, confidence)
    inside = np.asarray(control, np.bool_)
    if inside.shape != numbers.shape or inside.all() or not inside.any():
        raise InvalidInputError(
            "a comparison needs samples of both kinds", hint="sample the untouched base too"
        )
    rows = [
        np.bincount(codes, weights)
        for weights in (numbers * ~inside, ~inside * 1.0, numbers * inside, inside * 1.0)
    ]
    drawn = _drawn_sums(np.stack(rows), resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = drawn[0] / drawn[1] - drawn[2] / drawn[3]
    differences = differences[np.isfinite(differences)]  # a draw may miss one arm altogether
    estimate = float(numbers[~inside].mean() - numbers[inside].mean())
    return _interval(estimate, differences, confidence, numbers.size, len(rows[0]))


def _checked(
    values: ArrayLike, groups: Sequence[Hashable], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The values and the number of each one's group."""
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not numbers.size or len(groups) != numbers.size:
        raise InvalidInputError(
            f"{numbers.size} values and {len(groups)} groups make no interval",
            hint="give one group for each value, and one value at least",
        )
    if not np.isfinite(numbers).all():
        raise InvalidInputError("a value is not finite", hint="leave out samples that were not measured")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"the confidence is {confidence}", hint="use a number such as 0.95")
    # numbered in an order of their own, so that neither the rows' order nor who asks changes what is drawn
    known = {group: number for number, group in enumerate(sorted(set(groups), key=str))}
    return numbers, np.array([known[group] for group in groups], np.int64)


def _drawn_sums(totals: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Sums over groups drawn with replacement: (rows, groups) to (rows, resamples)."""
    count = totals.shape[1]
    if count * resamples <= _AT_ONCE:
        return totals @ _times_drawn(count, resamples, seed)
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // count)
    parts = [totals @ _times(rng, count, min(step, resamples - start)) for start in range(0, resamples, step)]
    return np.concatenate(parts, axis=1)


@lru_cache(maxsize=4)
def _times_drawn(count: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """Draws depend on nothing but these numbers, so all metrics of all mappers on a case share them."""
    return _times(np.random.default_rng(seed), count, resamples)


def _times(rng: np.random.Generator, count: int, resamples: int) -> NDArray[np.float64]:
    """How often each group is drawn in each resample: (groups, resamples)."""
    drawn = rng.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return (
        np.bincount(drawn.ravel(), minlength=count * resamples).reshape(resamples, count).T.astype(np.float64)
    )


def _interval(
    estimate: float, drawn: NDArray[np.float64], confidence: float, samples: int, groups: int
) -> Interval:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high), confidence, samples, groups)


METRICS = ("recall_5", "recall_10", "recall_100", "ap")
"""The metrics that have intervals, in the order in which the views list their sums."""

_SUMS = "DOUBLE[][]"
_MEANS = "STRUCT(metric VARCHAR, estimate DOUBLE, low DOUBLE, high DOUBLE)[]"
_DIFFERENCES = (
    "STRUCT(metric VARCHAR, first_mean DOUBLE, second_mean DOUBLE, "
    "difference DOUBLE, low DOUBLE, high DOUBLE)[]"
)
Row = dict[str, str | float | None]


def register_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what the views `intervals` and `differences` call.

    Arguments are lists over models: sums over each model's samples, (models, metrics), and how many
    samples each has. Both answer a list over METRICS.
    """
    counts = "BIGINT[]"
    con.create_function("bootstrap_means", _means, [_SUMS, counts], _MEANS, type="arrow")
    con.create_function(
        "bootstrap_differences", _differences, [_SUMS, _SUMS, counts], _DIFFERENCES, type="arrow"
    )


def _means(sums: pa.ChunkedArray, counts: pa.ChunkedArray) -> pa.Array:
    pairs = zip(sums.to_pylist(), counts.to_pylist(), strict=True)
    rows = [_mean_rows(np.array(one), np.array(many)) for one, many in pairs]
    return pa.array(rows, _type(["estimate", "low", "high"]))


def _mean_rows(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> list[Row]:
    low, high = bounds(sums, counts)
    means = sums.sum(axis=0) / counts.sum()
    return [
        {"metric": metric, "estimate": float(mean), **_ends(low[at], high[at], len(counts))}
        for at, (metric, mean) in enumerate(zip(METRICS, means, strict=True))
    ]


def _differences(first: pa.ChunkedArray, second: pa.ChunkedArray, counts: pa.ChunkedArray) -> pa.Array:
    triples = zip(first.to_pylist(), second.to_pylist(), counts.to_pylist(), strict=True)
    rows = [_difference_rows(np.array(a), np.array(b), np.array(n)) for a, b, n in triples]
    return pa.array(rows, _type(["first_mean", "second_mean", "difference", "low", "high"]))


def _difference_rows(
    first: NDArray[np.float64], second: NDArray[np.float64], counts: NDArray[np.int64]
) -> list[Row]:
    low, high = bounds(second - first, counts)
    samples = counts.sum()
    one, other = first.sum(axis=0) / samples, second.sum(axis=0) / samples
    return [
        {
            "metric": metric,
            "first_mean": float(one[at]),
            "second_mean": float(other[at]),
            "difference": float(other[at] - one[at]),
            **_ends(low[at], high[at], len(counts)),
        }
        for at, metric in enumerate(METRICS)
    ]


def _ends(low: float, high: float, models: int) -> Row:
    """An interval's ends; of a single model nothing can be said."""
    return {"low": float(low), "high": float(high)} if models > 1 else {"low": None, "high": None}


def _type(numbers: list[str]) -> pa.DataType:
    fields = [pa.field("metric", pa.string()), *(pa.field(name, pa.float64()) for name in numbers)]
    return pa.list_(pa.struct(fields))
