"""The SQL functions `bootstrap_means`, `bootstrap_differences` and `paired_tests`, which views call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..evaluation.paired_tests import paired_tests
from .bootstrap import bounds, too_few

if TYPE_CHECKING:
    import duckdb

METRICS = ("recall_5", "recall_10", "recall_100", "ap")
"""The metrics that have intervals, in the order in which the views list their sums."""

SUMS_TYPE = "DOUBLE[][]"
COUNTS_TYPE = "BIGINT[]"
MEANS_TYPE = "STRUCT(metric VARCHAR, estimate DOUBLE, low DOUBLE, high DOUBLE)[]"
DIFFERENCES_TYPE = (
    "STRUCT(metric VARCHAR, first_mean DOUBLE, second_mean DOUBLE, "
    "difference DOUBLE, low DOUBLE, high DOUBLE)[]"
)
TESTS_TYPE = (
    "STRUCT(metric VARCHAR, first_mean DOUBLE, second_mean DOUBLE, "
    "difference DOUBLE, low DOUBLE, high DOUBLE, effect DOUBLE, p DOUBLE)[]"
)
Row: TypeAlias = dict[str, str | float | None]


def register_bootstrap_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Register the functions that the views `intervals`, `differences` and `significance` call.

    Arguments are lists over models: sums over each model's samples, (models, metrics), twice for differences,
    and how many samples each model has; of `paired_tests` means, (models, metrics), twice. The result is a
    list over METRICS.
    """
    con.create_function("bootstrap_means", _means, [SUMS_TYPE, COUNTS_TYPE], MEANS_TYPE, type="arrow")
    con.create_function(
        "bootstrap_differences",
        _differences,
        [SUMS_TYPE, SUMS_TYPE, COUNTS_TYPE],
        DIFFERENCES_TYPE,
        type="arrow",
    )
    con.create_function("paired_tests", _tests, [SUMS_TYPE, SUMS_TYPE], TESTS_TYPE, type="arrow")


def _means(sums: pa.ChunkedArray, counts: pa.ChunkedArray) -> pa.Array:
    pairs = zip(sums.to_pylist(), counts.to_pylist(), strict=True)
    rows = [_mean_rows(np.array(s), np.array(n)) for s, n in pairs]
    return pa.array(rows, _rows_type("estimate", "low", "high"))


def _mean_rows(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> list[Row]:
    low, high = bounds(sums, counts)
    means = sums.sum(axis=0) / counts.sum()
    return [
        {"metric": metric, "estimate": float(means[i]), **_ends(low[i], high[i], len(counts))}
        for i, metric in enumerate(METRICS)
    ]


def _differences(first: pa.ChunkedArray, second: pa.ChunkedArray, counts: pa.ChunkedArray) -> pa.Array:
    triples = zip(first.to_pylist(), second.to_pylist(), counts.to_pylist(), strict=True)
    rows = [_difference_rows(np.array(a), np.array(b), np.array(n)) for a, b, n in triples]
    return pa.array(rows, _rows_type("first_mean", "second_mean", "difference", "low", "high"))


def _difference_rows(
    first: NDArray[np.float64], second: NDArray[np.float64], counts: NDArray[np.int64]
) -> list[Row]:
    low, high = bounds(second - first, counts)
    first_means, second_means = first.sum(axis=0) / counts.sum(), second.sum(axis=0) / counts.sum()
    return [
        {
            "metric": metric,
            "first_mean": float(first_means[i]),
            "second_mean": float(second_means[i]),
            "difference": float(second_means[i] - first_means[i]),
            **_ends(low[i], high[i], len(counts)),
        }
        for i, metric in enumerate(METRICS)
    ]


def _tests(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.Array:
    """All rows at once: those of as many models share their random signs."""
    both = [(np.array(a), np.array(b)) for a, b in zip(first.to_pylist(), second.to_pylist(), strict=True)]
    tests = paired_tests([(a[:, at], b[:, at]) for a, b in both for at in range(len(METRICS))])
    rows = [
        {
            "metric": METRICS[number % len(METRICS)],
            "first_mean": test.first,
            "second_mean": test.second,
            **{name: getattr(test, name) for name in ("difference", "low", "high", "effect", "p")},
        }
        for number, test in enumerate(tests)
    ]
    lists = [rows[start : start + len(METRICS)] for start in range(0, len(rows), len(METRICS))]
    numbers = ("first_mean", "second_mean", "difference", "low", "high", "effect", "p")
    return pa.array(lists, _rows_type(*numbers))


def _ends(low: float, high: float, models: int) -> Row:
    """The ends of an interval; null for fewer than MIN_MODELS."""
    return {"low": None, "high": None} if too_few(models) else {"low": float(low), "high": float(high)}


def _rows_type(*numbers: str) -> pa.DataType:
    fields = [pa.field("metric", pa.string()), *(pa.field(name, pa.float64()) for name in numbers)]
    return pa.list_(pa.struct(fields))
