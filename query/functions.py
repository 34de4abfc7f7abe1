"""What SQL cannot say: the bootstrap, as functions over lists that the views call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .bootstrap import bounds

if TYPE_CHECKING:
    import duckdb

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
