"""Calibration measured: shares of samples and of null queries against the truth, before and after.

How often a picture owes nothing to the pool decides how large null shares should be. So null queries, however
many there are, are weighted to be NULL_WEIGHT of all queries, as where the law is fitted (`null_weight` of
train/config.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime.spread import NULL_WEIGHT
from ..catalog import choose_encoder, choose_mapper, gallery_ids
from ..features import FeatureReader, ImageSet, Pinned
from .calibration import SHARD, UNCALIBRATED, ExemplarInfluence, exemplar_influence, read_law
from .cases import Sample, read_cases
from .pool_laws import FittedLaw, Floats, PoolLaw, gallery_scores, largest_scores
from .pools import SamplePools, load_pools, rankable
from .reliability import BINS, ReliabilityBin, ReliabilityCounts

if TYPE_CHECKING:
    from ...store import Store

CONTROL = "control"


@dataclass(frozen=True)
class CalibrationRow:
    """How well shares of some samples are calibrated, by eq. 6 at tau = 1 (before) and as stored (after).

    Attributes:
        encoder: the features.
        mapper: the mapper.
        law: what is stored: `paper` or `spread`; None for nothing.
        case_name: the case; None for all.
        kind: the concept kind; None for all.
        split: of the models.
        samples: with their exemplars in the pool.
        nulls: null queries: the same samples without, and samples of the untouched base; for ECE and Brier
            score they are weighted to be half of all.
        null_share: mean of the samples with their exemplars, after.
        null_share_of_nulls: mean of the null queries, after.
    """

    encoder: str
    mapper: str
    law: str | None
    case_name: str | None
    kind: str | None
    split: str
    samples: int
    nulls: int
    ece_before: float
    ece_after: float | None
    brier_before: float
    brier_after: float | None
    kl_before: float
    kl_after: float | None
    null_share: float | None
    null_share_of_nulls: float | None


@dataclass
class Measured:
    """What one law does to some samples: counts for the diagram, and sums."""

    counts: ReliabilityCounts = field(default_factory=ReliabilityCounts)
    null_counts: ReliabilityCounts = field(default_factory=ReliabilityCounts)
    samples: int = 0
    nulls: int = 0
    kl: float = 0.0
    null_share: float = 0.0
    null_share_of_nulls: float = 0.0

    def queries(self) -> ReliabilityCounts:
        """All queries, null queries with the weight NULL_WEIGHT."""
        if not self.nulls:
            return self.counts
        each = NULL_WEIGHT / (1 - NULL_WEIGHT) * self.samples / self.nulls
        return self.counts + self.null_counts.weighted(each)

    def __add__(self, other: Measured) -> Measured:
        return Measured(
            *(one + more for one, more in zip(vars(self).values(), vars(other).values(), strict=True))
        )


@dataclass(frozen=True)
class MeasuredCase:
    """One case before and after; `after` is None where nothing is calibrated."""

    case_name: str
    kind: str
    before: Measured
    after: Measured | None


@dataclass(frozen=True)
class CalibrationMeasurement:
    """All cases of one split by one encoder and mapper."""

    encoder: str
    mapper: str
    law: str | None
    split: str
    cases: tuple[MeasuredCase, ...]

    def rows(self) -> list[CalibrationRow]:
        """A row a case, a row a concept kind, and a row of all."""
        kinds = sorted({case.kind for case in self.cases})
        groups: list[tuple[str | None, str | None, list[MeasuredCase]]] = [
            (case.case_name, case.kind, [case]) for case in self.cases
        ]
        groups += [(None, kind, [case for case in self.cases if case.kind == kind]) for kind in kinds]
        groups.append((None, None, list(self.cases)))
        return [self._row(name, kind, cases) for name, kind, cases in groups]

    def diagram(
        self, kind: str | None = None, *, after: bool = True, bins: int = BINS
    ) -> list[ReliabilityBin]:
        """The reliability diagram of the cases of `kind`; None for all."""
        chosen = [case for case in self.cases if kind in (None, case.kind)]
        measured = _total([case.after if after else case.before for case in chosen])
        return measured.queries().bins(bins) if measured else []

    def _row(self, name: str | None, kind: str | None, cases: list[MeasuredCase]) -> CalibrationRow:
        before, after = _total([case.before for case in cases]), _total([case.after for case in cases])
        assert before is not None
        return CalibrationRow(
            self.encoder,
            self.mapper,
            self.law,
            name,
            kind,
            self.split,
            samples=before.samples,
            nulls=before.nulls,
            ece_before=before.queries().ece(),
            ece_after=after.queries().ece() if after else None,
            brier_before=before.queries().brier(),
            brier_after=after.queries().brier() if after else None,
            kl_before=before.kl / before.samples,
            kl_after=after.kl / after.samples if after else None,
            null_share=after.null_share / after.samples if after else None,
            null_share_of_nulls=after.null_share_of_nulls / after.nulls if after else None,
        )


def measure_calibration(
    store: Store,
    encoder: str | None = None,
    mapper: str | None = None,
    case: str | None = None,
    split: str = "test",
) -> CalibrationMeasurement:
    """Compare shares with the truth, before calibration and after, for the samples of one split.

    Args:
        store: the store.
        encoder: which features; the first one by name when left out.
        mapper: which mapper, or `none`; the newest one when left out.
        case: only this one.
        split: only models of this split; with `test`, samples of the untouched base are null queries too.

    Raises:
        NotFoundError: no such encoder, mapper or samples.
        ConflictError: no gallery, missing vectors, or a mapper that was trained again since.
    """
    pinned = Pinned.now(store)
    encoder = choose_encoder(pinned, encoder)
    mapper = choose_mapper(pinned, encoder, mapper)
    features = FeatureReader(pinned, encoder, mapper)
    gallery = ImageSet(features, gallery_ids(pinned))
    fitted = read_law(pinned, encoder, mapper)
    models = pinned.read("models", ["model_id", "concept_kind"]).to_pylist()
    kinds = {row["model_id"]: row["concept_kind"] or "" for row in models}
    splits = [split, CONTROL] if split == "test" else [split]
    samples: dict[tuple[str, str], dict[bool, list[Sample]]] = {}
    for evaluated in read_cases(pinned, case, splits):
        for sample in rankable(evaluated.samples, features):
            of_case = samples.setdefault((evaluated.name, kinds[sample.model_id]), {True: [], False: []})
            of_case[evaluated.split != CONTROL].append(sample)
    cases = [
        MeasuredCase(
            name,
            kind,
            _measure(mine, features, gallery, UNCALIBRATED),
            _measure(mine, features, gallery, fitted) if fitted else None,
        )
        for (name, kind), mine in sorted(samples.items())
        if mine[True]
    ]
    law = fitted.name if fitted else None
    return CalibrationMeasurement(encoder, mapper, law, split, tuple(cases))


def _measure(
    samples: dict[bool, list[Sample]], features: FeatureReader, gallery: ImageSet, fitted: FittedLaw
) -> Measured:
    """One law over samples (True) and those of the untouched base (False), shard by shard."""
    total = Measured()
    for customized, mine in samples.items():
        for start in range(0, len(mine), SHARD):
            pools = load_pools(mine[start : start + SHARD], features, gallery)
            with_own, without = largest_scores(pools, gallery)
            if customized:
                influence = exemplar_influence(pools, gallery, fitted)
                _add_samples(total, pools, gallery, fitted, with_own, influence)
            _add_nulls(total, pools, gallery, fitted, without)
    return total


def _add_samples(
    total: Measured,
    pools: SamplePools,
    gallery: ImageSet,
    fitted: FittedLaw,
    tops: Floats,
    influence: ExemplarInfluence,
) -> None:
    """Samples with their exemplars in the pool."""
    law, owners = fitted.of_pools(pools, tops), pools.owners
    terms = law.terms(pools.vectors.similarities, owners)
    own = np.bincount(owners, terms, len(pools.samples))
    denominator = own / influence.share
    _add_gallery(total.counts, pools, gallery, law, denominator)
    total.counts.add(terms / denominator[owners], 1 / pools.exemplar_counts[owners])
    null = law.null / denominator
    total.counts.add(null, 0.0)
    total.counts.queries += len(null)
    total.samples += len(null)
    total.kl += float(influence.kl.sum())
    total.null_share += float(null.sum())


def _add_nulls(
    total: Measured, pools: SamplePools, gallery: ImageSet, fitted: FittedLaw, tops: Floats
) -> None:
    """Samples without their exemplars in the pool, or of the untouched base."""
    law = fitted.of_pools(pools, tops)
    denominator = law.null.copy()
    every = np.arange(len(pools.samples))
    for scores, own_rows in gallery_scores(pools, gallery):
        terms = law.terms(scores, every)
        terms[own_rows] = 0.0
        denominator += terms.sum(axis=1)
    _add_gallery(total.null_counts, pools, gallery, law, denominator)
    null = law.null / denominator
    total.null_counts.add(null, 1.0)
    total.null_counts.queries += len(null)
    total.nulls += len(null)
    total.null_share_of_nulls += float(null.sum())


def _add_gallery(
    counts: ReliabilityCounts, pools: SamplePools, gallery: ImageSet, law: PoolLaw, denominator: Floats
) -> None:
    """Count the shares of the gallery's images that are no exemplars of the sample."""
    every: NDArray[np.int64] = np.arange(len(pools.samples))
    for scores, own_rows in gallery_scores(pools, gallery):
        shares = law.terms(scores, every) / denominator[:, None]
        shares[own_rows] = 0.0
        counts.add(shares, 0.0)


def _total(parts: Sequence[Measured | None]) -> Measured | None:
    """The sum; None where a part has nothing."""
    total = Measured()
    for part in parts:
        if part is None:
            return None
        total += part
    return total
