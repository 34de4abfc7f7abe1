"""Two features, an encoder and a mapper each, compared on the same samples: by row, and in the mean of rows.

A row is a case and a scheme. The view `differences` compares mappers of one encoder; here encoders may
differ, and rows are averaged with an interval of their own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...runtime.mapper import RAW
from ...store.errors import InvalidInputError, NotFoundError
from ..catalog import require_known
from ..sql.bootstrap import RESAMPLES, too_few
from ..sql.bootstrap_functions import METRICS
from ..sql.statements import load_sql

if TYPE_CHECKING:
    import duckdb

MEAN = "mean"
"""The `case_name` of the row that averages the others."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Features:
    """An encoder and a mapper on top of it; the mapper `none` is the raw features."""

    encoder: str
    mapper: str = RAW

    @classmethod
    def parse(cls, text: str) -> Self:
        """`ENCODER` or `ENCODER/MAPPER`; a mapper's name has no slash."""
        encoder, slash, mapper = text.rpartition("/")
        return cls(encoder, mapper) if slash else cls(text)

    def __str__(self) -> str:
        return f"{self.encoder}/{self.mapper}"


@dataclass(frozen=True)
class PairedRow:
    """Means of a metric over the same samples, and how far the second is above the first.

    Attributes:
        case_name, scheme: of the samples; 'mean' and '' for the mean of the other rows.
        models: sets of exemplars, which are resampled whole.
        low, high: the 95% bootstrap interval of `difference`, None for fewer than five models.
        ratio: second / first, None where the first is 0.
        note: "2 models: too few" where there is no interval, else empty.
    """

    case_name: str
    scheme: str
    models: int
    samples: int
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    ratio: float | None
    note: str = ""


def compare_features(
    con: duckdb.DuckDBPyConnection,
    first: Features,
    second: Features,
    *,
    split: str = "test",
    metric: str = "recall_10",
    cases: Collection[str] = (),
) -> list[PairedRow]:
    """Every case and scheme that both features ranked, then the mean of these rows.

    Models are resampled within their case, so the schemes of a case, and the two features, share draws.

    Args:
        con: a connection to a store.
        first: the features to be compared with.
        second: those of which the gain is shown.
        split: of the models.
        metric: `recall_5`, `recall_10`, `recall_100` or `ap`.
        cases: only these; empty for all.

    Raises:
        InvalidInputError: an unknown metric.
        NotFoundError: no sample was ranked with both; an encoder, mapper, split or case that was not ranked,
            which lists those that were.
    """
    if metric not in METRICS:
        raise InvalidInputError(f"there is no metric {metric!r}", hint=f"use {', '.join(METRICS)}")
    params = {
        "first_encoder": first.encoder,
        "first_mapper": first.mapper,
        "second_encoder": second.encoder,
        "second_mapper": second.mapper,
        "split": split,
        "metric": metric,
    }
    samples = con.sql(load_sql("paired_samples"), params=params).pl()
    if samples.is_empty():
        require_ranked(con, split, first, second)
        raise NotFoundError(
            f"no sample of the split {split!r} was ranked with both {first} and {second}",
            hint="rank them: attribase -s STORE query eval",
        )
    if cases:
        known = samples["case_name"].unique().sort()
        require_known("case", cases, known, where=f" that both ranked on the split {split!r}")
        samples = samples.filter(pl.col("case_name").is_in(list(cases)))
    return compare_samples(samples)


def require_ranked(con: duckdb.DuckDBPyConnection, split: str, *features: Features) -> None:
    """Raise NotFoundError, which lists what was ranked, for a split, encoder or mapper that was not."""
    rows = con.sql(load_sql("ranked_features")).fetchall()
    if not rows:
        return
    require_known("split", [split], sorted({row[2] for row in rows if row[2]}), where=" that was ranked")
    for one in features:
        require_known("encoder", [one.encoder], list(dict.fromkeys(row[0] for row in rows)))
        mine = list(dict.fromkeys(row[1] for row in rows if row[0] == one.encoder))
        require_known("mapper", [one.mapper], mine, where=f" that ranked with {one.encoder}")


def compare_samples(samples: pl.DataFrame) -> list[PairedRow]:
    """`compare_features` of values that were read already: a row a case and scheme, then their mean.

    Args:
        samples: a row a sample: case_name, scheme, exemplar_set, and first and second, the values that are
            compared; not empty, and ordered by case and scheme.
    """
    rows, draws = [], []
    for number, ((_case,), own) in enumerate(samples.group_by("case_name", maintain_order=True)):
        for row, drawn in _case_rows(own, seed=number):
            rows.append(row)
            draws.append(drawn)
    return [*rows, _mean_row(rows, draws)]


def _case_rows(samples: pl.DataFrame, seed: int) -> list[tuple[PairedRow, NDArray[np.float64]]]:
    """The rows of one case, each with its resampled differences (resamples,)."""
    groups = samples["exemplar_set"].unique().sort()
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=RESAMPLES)
    found = []
    for (scheme,), own in samples.group_by("scheme", maintain_order=True):
        sums = own.group_by("exemplar_set").agg(pl.col("first").sum(), pl.col("second").sum(), pl.len())
        whole = pl.DataFrame({"exemplar_set": groups}).join(sums, on="exemplar_set", how="left").fill_null(0)
        first, second, size = (
            counts @ whole[name].to_numpy().astype(np.float64) for name in ("first", "second", "len")
        )
        drawn = (second - first) / np.maximum(size, 1)
        means = float(own["first"].mean()), float(own["second"].mean())  # type: ignore[arg-type]
        case = str(own["case_name"][0])
        found.append((_row(case, str(scheme), len(sums), len(own), means, drawn), drawn))
    return found


def _mean_row(rows: list[PairedRow], draws: list[NDArray[np.float64]]) -> PairedRow:
    """The mean over rows, each weighing the same."""
    models = {row.case_name: row.models for row in rows}
    means = (float(np.mean([row.first for row in rows])), float(np.mean([row.second for row in rows])))
    samples = sum(row.samples for row in rows)
    return _row(MEAN, "", sum(models.values()), samples, means, np.mean(draws, axis=0))


def _row(
    case: str,
    scheme: str,
    models: int,
    samples: int,
    means: tuple[float, float],
    drawn: NDArray[np.float64],
) -> PairedRow:
    first, second = means
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    note = too_few(models)
    return PairedRow(
        case_name=case,
        scheme=scheme,
        models=models,
        samples=samples,
        first=first,
        second=second,
        difference=second - first,
        low=None if note else low,
        high=None if note else high,
        ratio=second / first if first else None,
        note=note,
    )
