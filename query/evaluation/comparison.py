"""Customized models against the untouched base, with an interval; the view `differences` compares mappers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from ...runtime.mapper import RAW
from ...store.errors import InvalidInputError
from ..sql.bootstrap import Interval, difference, too_few
from ..sql.bootstrap_functions import METRICS
from ..sql.statements import load_sql

if TYPE_CHECKING:
    import duckdb


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

    Both are evaluated with the same exemplars, by the latest runs; sets of exemplars without a control are
    left out. The difference is the effect of customization on the samples. It has no interval for fewer than
    five models.

    Raises InvalidInputError for an unknown metric.
    """
    if metric not in METRICS:
        raise InvalidInputError(f"there is no metric {metric!r}", hint=f"use {', '.join(METRICS)}")
    params = {"encoder": encoder, "mapper": mapper, "split": split, "case_name": case}
    rows = con.sql(load_sql("samples_and_controls"), params=params).to_arrow_table().to_pylist()
    comparisons = []
    for case_name, samples in groupby(rows, key=itemgetter("case_name")):  # the statement orders by case
        members = list(samples)
        gap = difference(
            [row[metric] for row in members],
            [row["control"] for row in members],
            [row["exemplar_set"] for row in members],
        )
        if too_few(gap.groups):
            gap = replace(gap, low=None, high=None)
        base, own = ([row[metric] for row in members if row["control"] is kind] for kind in (True, False))
        comparisons.append(Comparison(case_name, metric, "control", split, _mean(base), _mean(own), gap))
    return comparisons


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
