"""What any measure of attribution must pass, on the test models that the store has; nothing is made for it.

Random features rank exemplars at chance, and so does every encoder where models are given the exemplars of
others; an exemplar is the nearest image to itself; two samples of a model find more of the same images than
samples of two models; and exemplars that were given to the wrong models are found by their ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ...query import Features
from ...query.catalog import gallery_ids
from ...query.evaluation.cases import Sample
from ...query.evaluation.pools import rankable
from ...query.features import FeatureReader, ImageSet, Pinned
from ...query.sql.bootstrap import bounds, too_few
from ...runtime.mapper import RAW
from ...store import Step, Store
from .check import ALL, CheckFigure, CheckPlan, CheckRow
from .sanity_scores import (
    NEAREST,
    Floats,
    choose_models,
    copies_first,
    flipped_of,
    overlaps,
    places,
    random_places,
    recoveries,
    shuffle,
)

RANDOM = Features("random")

CHANCE = 0.5
"""The mean place in the pool of what nothing is known of: 0 is the nearest image, 1 the farthest."""

ERRORS = 4
"""Standard errors that a mean may be off what it must be: of many rows, one is beyond two by chance."""

PLACE = "place of exemplars in the pool"
SHUFFLED = "place of other models' exemplars in the pool"
COPY = "exemplar nearest to itself"
OVERLAP = f"share of the {NEAREST} nearest images that two samples of a model have in common"
RECOVERY = "share of wrong exemplars found, of as many models with the worst ranks"


class Sanity:
    """The check `sanity`."""

    name: ClassVar[str] = "sanity"
    title: ClassVar[str] = "What any measure of attribution must pass"
    numbers: ClassVar[Mapping[str, int]] = MappingProxyType({"models": 120, "samples": 6})

    def prepare(self, store: Store, plan: CheckPlan) -> Iterator[Step]:
        """Nothing: it takes the test models that are there."""
        del store, plan
        yield from ()

    def rows(self, store: Store, plan: CheckPlan) -> list[CheckRow]:
        """Random features first, then each of the plan's; empty for fewer than five models with samples.

        Raises ConflictError for an exemplar without a vector, or vectors that are not mapped.
        """
        most, each = (plan.number(self.name, one, self.numbers[one]) for one in ("models", "samples"))
        pinned = Pinned.now(store)
        models = choose_models(pinned, most, each)
        gallery = gallery_ids(pinned)
        if too_few(len(models)) or not len(gallery):
            return []
        rows = [_chance_row(RANDOM, PLACE, random_places(models, len(gallery)))]
        for features in plan.features:
            reader = FeatureReader(pinned, features.encoder, features.mapper)
            ranked = [kept for one in models if (kept := rankable(one, reader))]
            if not too_few(len(ranked)):
                rows += _feature_rows(features, reader, ranked, ImageSet(reader, gallery))
        return rows

    def figures(self, store: Store, plan: CheckPlan) -> list[CheckFigure]:
        """None."""
        del store, plan
        return []


def _feature_rows(
    features: Features, reader: FeatureReader, models: Sequence[Sequence[Sample]], gallery: ImageSet
) -> list[CheckRow]:
    right, wrong = places(models, reader, gallery), places(shuffle(models), reader, gallery)
    rows = [_mean_row(features, PLACE, right, CHANCE), _chance_row(features, SHUFFLED, wrong)]
    if features.mapper == RAW:
        copies = _mean_row(features, COPY, copies_first(models, reader, gallery), 1.0)
        rows.append(replace(copies, passed=copies.value == 1.0))
    own, others = overlaps(models, reader, gallery)
    if not too_few(len(own)):
        rows.append(_above(_mean_row(features, OVERLAP, own, float(others.mean()))))
    return [*rows, _recovery_row(features, right, wrong)]


def _recovery_row(features: Features, right: Floats, wrong: Floats) -> CheckRow:
    """Passed where more are found than by looking at any models."""
    found = recoveries(right, wrong)
    low, high = np.quantile(found, [0.025, 0.975]).tolist()
    row = _mean_row(features, RECOVERY, right, flipped_of(len(right)) / len(right))
    return _above(replace(row, value=float(found.mean()), low=low, high=high))


def _chance_row(features: Features, question: str, values: Floats) -> CheckRow:
    """Passed where the mean is within ERRORS standard errors of CHANCE."""
    row = _mean_row(features, question, values, CHANCE)
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    return replace(row, passed=abs(row.value - CHANCE) <= ERRORS * error)


def _above(row: CheckRow) -> CheckRow:
    """Passed where the whole interval is above the reference."""
    return replace(row, passed=row.low is not None and row.reference is not None and row.low > row.reference)


def _mean_row(features: Features, question: str, values: Floats, reference: float) -> CheckRow:
    """The mean over models, with its interval."""
    low, high = bounds(values[:, None], np.ones(len(values), np.int64))
    few = bool(too_few(len(values)))
    return CheckRow(
        Sanity.name, question, features.encoder, features.mapper, ALL, float(values.mean()),
        None if few else float(low[0]), None if few else float(high[0]), reference, len(values),
    )  # fmt: skip
