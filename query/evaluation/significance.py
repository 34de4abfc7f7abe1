"""Which differences between raw features and mappers of an encoder hold, corrected for all that are shown.

Rows are groups of cases: objects, styles, and both. A model counts once, by the mean of its samples over all
schemes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from ...runtime.mapper import RAW
from ...store.errors import InvalidInputError, NotFoundError
from ..catalog import require_known
from ..sql.bootstrap_functions import METRICS
from ..sql.statements import load_sql
from .paired import require_ranked
from .paired_tests import Numbers, PairedTest, paired_tests

if TYPE_CHECKING:
    import duckdb

ALL = "all"
"""The group of all cases."""


@dataclass(frozen=True)
class Significance:
    """Two mappers of an encoder on the same samples of a group of cases.

    Attributes:
        group: 'object', 'style', 'other' for models of no known kind, or 'all'.
        encoder: of both.
        first, second: mappers; 'none' is raw features.
        test: how far the second is above the first, over models.
    """

    group: str
    encoder: str
    first: str
    second: str
    test: PairedTest

    def to_dict(self) -> dict[str, Any]:
        """The row with the numbers of its test, as a table has it."""
        names = ("models", "difference", "low", "high", "effect", "p", "adjusted", "holds", "note")
        about = {"group": self.group, "encoder": self.encoder, "first": self.first, "second": self.second}
        means = {"first_mean": self.test.first, "second_mean": self.test.second}
        return about | means | {name: getattr(self.test, name) for name in names}


def significance(
    con: duckdb.DuckDBPyConnection,
    *,
    split: str = "test",
    metric: str = "recall_10",
    encoders: Collection[str] | None = None,
    mappers: Collection[str] | None = None,
    cases: Collection[str] | None = None,
) -> list[Significance]:
    """Every two mappers of every encoder, raw features among them, by group of cases.

    The p values are corrected for all rows that are returned, so choose what is compared before looking.

    Args:
        con: a connection to a store.
        split: of the models.
        metric: `recall_5`, `recall_10`, `recall_100` or `ap`.
        encoders: only these; None for all.
        mappers: only these and raw features; in their order, None for all by name.
        cases: only these; None for all.

    Raises:
        InvalidInputError: an unknown metric.
        NotFoundError: no encoder was ranked with two mappers, or raw and mapped, on the same samples; or an
            encoder, mapper, case or split that was not ranked, which lists those that were.
    """
    samples = read_samples(con, split, metric, cases)
    known = samples["mapper"].unique().sort().to_list()
    require_known("mapper", set(mappers or ()) - {RAW}, known, where=_ranked_on(split))
    if encoders is not None:
        require_known("encoder", encoders, samples["encoder"].unique().sort(), where=_ranked_on(split))
        samples = samples.filter(pl.col("encoder").is_in(list(encoders)))
    order = list(mappers) if mappers is not None else known
    order = [RAW, *(mapper for mapper in order if mapper != RAW)]
    found: list[tuple[str, str, str, str]] = []
    pairs: list[tuple[Numbers, Numbers]] = []
    for (encoder,), own in samples.group_by("encoder", maintain_order=True):
        of_mapper = {str(name): rows for (name,), rows in own.group_by("mapper")}
        for first, second in combinations([mapper for mapper in order if mapper in of_mapper], 2):
            both = of_mapper[first].join(of_mapper[second].select("sample_id", other="value"), on="sample_id")
            for group, values in by_group(both):
                found.append((group, str(encoder), first, second))
                pairs.append(values)
    if not pairs:
        raise NotFoundError(
            f"no encoder has two mappers that ranked the same samples of the split {split!r}",
            hint="train one and rank it: attribase -s STORE train mapper; attribase -s STORE query eval",
        )
    tests = paired_tests(pairs)
    return [Significance(*names, test) for names, test in zip(found, tests, strict=True)]


def read_samples(
    con: duckdb.DuckDBPyConnection, split: str, metric: str, cases: Collection[str] | None = None
) -> pl.DataFrame:
    """What samples_of_features.sql returns, of some cases.

    Raises:
        InvalidInputError: an unknown metric.
        NotFoundError: a case or split that was not ranked.
    """
    if metric not in METRICS:
        raise InvalidInputError(f"there is no metric {metric!r}", hint=f"use {', '.join(METRICS)}")
    samples: pl.DataFrame = con.sql(
        load_sql("samples_of_features"), params={"split": split, "metric": metric}
    ).pl()
    if samples.is_empty():
        require_ranked(con, split)
    if cases is None:
        return samples
    require_known("case", cases, samples["case_name"].unique().sort(), where=_ranked_on(split))
    return samples.filter(pl.col("case_name").is_in(list(cases)))


def _ranked_on(split: str) -> str:
    return f" that was ranked on the split {split!r}"


def by_group(paired: pl.DataFrame) -> Iterator[tuple[str, tuple[Numbers, Numbers]]]:
    """The groups of cases with the means of their models.

    Args:
        paired: concept_kind, case_name, exemplar_set, and as numbers `value`, the first, and `other`.

    Yields:
        A group with (models,) means of both; 'all' last, where there are several.
    """
    means = (
        paired.group_by("concept_kind", "case_name", "exemplar_set")
        .agg(pl.col("value").mean(), pl.col("other").mean())
        .sort("concept_kind", "case_name", "exemplar_set")
    )
    kinds = means["concept_kind"].unique().sort().to_list()
    parts = {kind: means.filter(pl.col("concept_kind") == kind) for kind in kinds}
    if len(kinds) > 1:
        parts[ALL] = means
    for group, rows in parts.items():
        yield group, (rows["value"].to_numpy(), rows["other"].to_numpy())
