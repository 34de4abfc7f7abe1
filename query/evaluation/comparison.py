"""Comparisons with an interval: a mapper against another, customized models against the untouched base."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ...runtime.mapper import RAW
from ...store.errors import InvalidInputError
from ..sql.bootstrap import Interval, difference, interval, paired_difference
from ..sql.statements import load_sql

if TYPE_CHECKING:
    import duckdb

METRICS = ("recall_5", "recall_10", "recall_100", "ap")


@dataclass(frozen=True)
class Comparison:
    """Means of `metric` over the samples of one case, and how far `second` is above `first`."""

    case_name: str
    metric: str
    first: str
    second: str
    first_mean: float
    second_mean: float
    difference: Interval


def compare_mappers(
    con: duckdb.DuckDBPyConnection,
    encoder: str,
    second: str,
    first: str = RAW,
    *,
    case: str | None = None,
    split: str = "test",
    metric: str = "recall_10",
) -> list[Comparison]:
    """How far the mapper `second` is above `first` on the same samples, per case, by the latest runs.

    Empty where they were not evaluated on the same samples. Sets of exemplars are what is resampled.

    Raises InvalidInputError for an unknown metric.
    """
    _check(metric)
    params = {"encoder": encoder, "first": first, "second": second, "split": split, "case_name": case}
    found = []
    for name, rows in _by_case(con, "paired_samples", params):
        one, other = ([row[f"{which}_{metric}"] for row in rows] for which in ("first", "second"))
        gap = paired_difference(one, other, [row["exemplar_set"] for row in rows])
        found.append(Comparison(name, metric, first, second, _mean(one), _mean(other), gap))
    return found


def compare_control(
    con: duckdb.DuckDBPyConnection,
    encoder: str,
    mapper: str = RAW,
    *,
    case: str | None = None,
    split: str = "test",
    metric: str = "recall_10",
) -> list[Comparison]:
    """How far samples of customized models are above those of the untouched base, per case.

    Both are asked for the same exemplars, by the latest runs; sets of exemplars without a control are left
    out. What is left of the difference is what customization put into the pictures.

    Raises InvalidInputError for an unknown metric.
    """
    _check(metric)
    params = {"encoder": encoder, "mapper": mapper, "split": split, "case_name": case}
    found = []
    for name, rows in _by_case(con, "samples_and_controls", params):
        values, control = [row[metric] for row in rows], [row["control"] for row in rows]
        gap = difference(values, control, [row["exemplar_set"] for row in rows])
        base, own = ([row[metric] for row in rows if row["control"] is kind] for kind in (True, False))
        found.append(Comparison(name, metric, "control", split, _mean(base), _mean(own), gap))
    return found


def metric_intervals(
    con: duckdb.DuckDBPyConnection,
    encoder: str | None = None,
    mapper: str | None = None,
    *,
    case: str | None = None,
    metric: str = "recall_10",
) -> list[tuple[dict[str, str], Interval]]:
    """The mean of `metric` with its interval for each encoder, mapper, case, scheme and split.

    Raises InvalidInputError for an unknown metric.
    """
    _check(metric)
    params = {"encoder": encoder, "mapper": mapper, "case_name": case}
    keys = ("encoder", "mapper", "case_name", "split", "scheme")
    rows = _rows(con, "per_sample_of", params)
    found = []
    for values, members in groupby(rows, key=lambda row: tuple(row[key] for key in keys)):
        mine = list(members)
        sure = interval([row[metric] for row in mine], [row["exemplar_set"] for row in mine])
        found.append((dict(zip(keys, values, strict=True)), sure))
    return found


def _check(metric: str) -> None:
    if metric not in METRICS:
        raise InvalidInputError(f"there is no metric {metric!r}", hint=f"use {', '.join(METRICS)}")


def _rows(con: duckdb.DuckDBPyConnection, name: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = con.sql(load_sql(name), params=params).to_arrow_table().to_pylist()
    return rows


def _by_case(
    con: duckdb.DuckDBPyConnection, name: str, params: dict[str, Any]
) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Rows of a statement that orders by case, case by case."""
    for case, members in groupby(_rows(con, name, params), key=lambda row: row["case_name"]):
        yield case, list(members)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
