"""The SQL functions `bootstrap_means` and `bootstrap_differences`, which the interval views call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
Row: TypeAlias = dict[str, str | float | None]


def register_bootstrap_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Register the functions that the views `intervals` and `differences` call.

    Arguments are lists over models: sums over each model's samples, (models, metrics), twice for differences,
    and how many samples each model has. The result is a list over METRICS.
    """
    con.create_function("bootstrap_means", _means, [SUMS_TYPE, COUNTS_TYPE], MEANS_TYPE, type="arrow")
    con.create_function(
        "bootstrap_differences",
        _differences,
        [SUMS_TYPE, SUMS_TYPE, COUNTS_TYPE],
        DIFFERENCES_TYPE,
        type="arrow",
    )


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


def _ends(low: float, high: float, models: int) -> Row:
    """The ends of an interval; null for fewer than MIN_MODELS."""
    return {"low": None, "high": None} if too_few(models) else {"low": float(low), "high": float(high)}


def _rows_type(*numbers: str) -> pa.DataType:
    fields = [pa.field("metric", pa.string()), *(pa.field(name, pa.float64()) for name in numbers)]
    return pa.list_(pa.struct(fields))
