"""Samples of other generators than mappers learned from: other methods of customization, other bases.

Makes nothing: it reads the ranks of the test models that the store has, by their method and base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

import polars as pl

from ...query import Features, connect, load_sql
from ...runtime.mapper import RAW
from ...store import Step, Store
from .check import CheckFigure, CheckPlan, CheckRow
from .means import mean_row

RECALL, GAIN = "recall@10", "recall@10 above raw features"
LEARNED = "learned from"
"""What the cases of generators that training models have end with."""


class Generators:
    """The check `generators`."""

    name: ClassVar[str] = "generators"
    title: ClassVar[str] = "Samples of other generators than mappers learned from"
    numbers: ClassVar[Mapping[str, int]] = MappingProxyType({})

    def prepare(self, store: Store, plan: CheckPlan) -> Iterator[Step]:  # noqa: ARG002
        """Nothing: models of other methods and bases come with `ingest customize` and `ingest models`."""
        return iter(())

    def rows(self, store: Store, plan: CheckPlan) -> list[CheckRow]:
        """By method and base of the test models: Recall@10, and the gain of mappers over raw features.

        A row of one method and base alone has nothing to be compared with, so there are none then.
        """
        with connect(store.uri) as con:
            frame = con.sql(load_sql("by_generator")).pl()
        if frame.select("method", "base_model").unique().height < 2:
            return []
        rows: list[CheckRow] = []
        for features in plan.features:
            mine = frame.filter(pl.col("encoder") == features.encoder)
            ranked = mine.filter(pl.col("mapper") == features.mapper)
            for (case,), own in ranked.group_by(_case_name().alias("case"), maintain_order=True):
                rows += self._rows(features, str(case), own, mine.filter(pl.col("mapper") == RAW))
        return rows

    def figures(self, store: Store, plan: CheckPlan) -> list[CheckFigure]:  # noqa: ARG002
        """It has none."""
        return []

    def _rows(self, features: Features, case: str, own: pl.DataFrame, raw: pl.DataFrame) -> list[CheckRow]:
        chance = float((10 / own["pool_size"]).mean())  # type: ignore[arg-type]
        found = [
            mean_row(
                self.name,
                RECALL,
                features,
                case,
                own["recall_10"].to_numpy(),
                own["exemplar_set"].to_list(),
                chance,
            )
        ]
        paired = own.join(raw.select("sample_id", raw="recall_10"), on="sample_id")
        if features.mapper != RAW and paired.height:
            gained = (paired["recall_10"] - paired["raw"]).to_numpy()
            groups = paired["exemplar_set"].to_list()
            found.append(mean_row(self.name, GAIN, features, case, gained, groups, 0.0))
        return found


def _case_name() -> pl.Expr:
    """`METHOD on BASE`, and whether training models have both."""
    name = pl.format("{} on {}", "method", "base_model")
    return pl.when("learned").then(pl.format("{}, {}", name, pl.lit(LEARNED))).otherwise(name)
