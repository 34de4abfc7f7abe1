"""Effect of calibration: the influence that eq. 6 gives to the true exemplars, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import PaperLaw, calibration_kl
from ...runtime.moments import load_moments, mapper_digest
from ...store.errors import ConflictError
from ..catalog import choose_encoder, choose_mapper, gallery_ids, read_calibration
from ..features import FeatureReader, ImageSet, Pinned
from .cases import read_cases
from .pool_laws import FittedLaw, gallery_scores, largest_scores
from .pools import SamplePools, load_pools, rankable

if TYPE_CHECKING:
    from ...store import Store

UNCALIBRATED = FittedLaw(PaperLaw(tau=1.0, lam=0.0), None, {})
"""Eq. 6 before training: a plain softmax over the similarities."""

EPSILON = 1e-8
"""The least influence of an exemplar in the logarithm of eq. 5, which relu can make infinite: an exemplar
without influence costs log(1/EPSILON) = 18.4 nats at most, as in training."""

SHARD = 512


@dataclass(frozen=True)
class ExemplarInfluence:
    """Influence of the exemplars of each sample by one law; arrays of length (samples,)."""

    share: NDArray[np.float64]  # the influence of all its exemplars together
    kl: NDArray[np.float64]  # KL(S || P) of eq. 5, in nats; P are the shares of images, given not the null


@dataclass(frozen=True)
class SampleInfluence:
    """Samples of one case and split, with the influence of their exemplars; arrays of length (samples,)."""

    encoder: str
    mapper: str
    case_name: str
    split: str
    left_out: int  # samples without a vector or without exemplars
    samples: tuple[str, ...]
    models: tuple[str, ...]
    schemes: tuple[str, ...]
    chance: NDArray[np.float64]  # exemplars / pool: their share if every image had the same
    before: ExemplarInfluence
    after: ExemplarInfluence | None  # None where nothing was calibrated


@dataclass(frozen=True)
class InfluenceRow:
    """Means over the samples of one case and split; `left_out` more have no vector or no exemplars."""

    encoder: str
    mapper: str
    case_name: str
    split: str
    samples: int
    left_out: int
    chance: float
    influence_before: float
    influence_after: float | None
    kl_before: float
    kl_after: float | None


def influence_table(
    store: Store,
    encoder: str | None = None,
    mapper: str | None = None,
    case: str | None = None,
    split: str = "test",
) -> list[InfluenceRow]:
    """Mean influence on the true exemplars, and KL of eq. 5, before and after calibration, per case.

    Arguments and errors as for `sample_influence`.
    """
    return [_mean_row(influence) for influence in sample_influence(store, encoder, mapper, case, split)]


def sample_influence(
    store: Store,
    encoder: str | None = None,
    mapper: str | None = None,
    case: str | None = None,
    split: str = "test",
) -> list[SampleInfluence]:
    """Influence of the exemplars of every sample over its evaluation pool: gallery and own exemplars.

    Before is tau = 1, lambda = 0; after is the stored calibration. S of eq. 5 is uniform over the sample's
    exemplars; P is clipped at EPSILON in the logarithm.

    Args:
        store: the store.
        encoder: which features; when left out those of the newest mapper, else the first by name.
        mapper: which mapper, or `none`; the newest one when left out.
        case: only this one.
        split: only models of this split.

    Raises:
        NotFoundError: no such encoder, mapper or samples.
        ConflictError: no gallery, or missing vectors.

    Source: arXiv:2306.09345 eq. 5 and 6.
    """
    pinned = Pinned.now(store)
    encoder = choose_encoder(pinned, encoder)
    mapper = choose_mapper(pinned, encoder, mapper)
    features = FeatureReader(pinned, encoder, mapper)
    gallery = ImageSet(features, gallery_ids(pinned))
    calibrated = read_law(pinned, encoder, mapper)
    results = []
    for evaluated in read_cases(pinned, case, [split]):
        samples = rankable(evaluated.samples, features)
        if not samples:
            raise ConflictError(
                f"no sample of {evaluated.name} has a {encoder} vector and exemplars",
                hint=f"attribase -s STORE ingest embed --encoder {encoder}",
            )
        shards = [
            load_pools(samples[start : start + SHARD], features, gallery)
            for start in range(0, len(samples), SHARD)
        ]
        left_out = len(evaluated.samples) - len(samples)
        results.append(_case_influence(evaluated.name, split, shards, gallery, calibrated, left_out))
    return results


def _case_influence(
    name: str,
    split: str,
    shards: list[SamplePools],
    gallery: ImageSet,
    calibrated: FittedLaw | None,
    left_out: int,
) -> SampleInfluence:
    chance = [shard.exemplar_counts / shard.sizes(len(gallery)) for shard in shards]
    samples = [sample for shard in shards for sample in shard.samples]
    before = [exemplar_influence(shard, gallery, UNCALIBRATED) for shard in shards]
    after = [exemplar_influence(shard, gallery, calibrated) for shard in shards] if calibrated else None
    return SampleInfluence(
        encoder=gallery.features.encoder,
        mapper=gallery.features.mapper,
        case_name=name,
        split=split,
        left_out=left_out,
        samples=tuple(sample.sample_id for sample in samples),
        models=tuple(sample.model_id for sample in samples),
        schemes=tuple(sample.scheme for sample in samples),
        chance=np.concatenate(chance),
        before=_concatenate(before),
        after=_concatenate(after) if after else None,
    )


def exemplar_influence(pools: SamplePools, gallery: ImageSet, fitted: FittedLaw) -> ExemplarInfluence:
    """Influence and eq. 5 on the exemplars of some samples, in two passes over the gallery."""
    owners, own = pools.owners, pools.vectors.similarities
    starts, counts = pools.vectors.offsets[:-1], pools.exemplar_counts
    law = fitted.of_pools(pools, largest_scores(pools, gallery)[0])
    terms = law.terms(own, owners)
    images = np.add.reduceat(terms, starts)
    every = np.arange(len(pools.samples))
    for scores, own_rows in gallery_scores(pools, gallery):
        others = law.terms(scores, every)
        others[own_rows] = 0.0  # in `images` already, as exemplars
        images += others.sum(axis=1)
    logs = np.log(np.maximum(terms / images[owners], EPSILON))
    return ExemplarInfluence(
        share=np.add.reduceat(terms / (images + law.null)[owners], starts),
        kl=calibration_kl(np.add.reduceat(logs, starts) / counts, counts),
    )


def read_law(pinned: Pinned, encoder: str, mapper: str) -> FittedLaw | None:
    """The stored calibration, ready for samples; None where none was trained.

    Raises ConflictError where the mapper was trained again since.
    """
    calibration = read_calibration(pinned, encoder, mapper)
    if calibration is None:
        return None
    models = pinned.read("models", ["model_id", "concept_kind"])
    kinds = dict(zip(*(models[name].to_pylist() for name in ("model_id", "concept_kind")), strict=True))
    if isinstance(calibration, PaperLaw):
        return FittedLaw(calibration, None, kinds)
    moments = load_moments(pinned, encoder, mapper)
    now = mapper_digest(pinned, encoder, mapper)
    if moments is None or not now == calibration.mapper_digest == moments.mapper_digest:
        raise ConflictError(
            f"the mapper {mapper!r} was trained again since it was calibrated",
            hint=f"attribase -s STORE train calibration --encoder {encoder} --mapper {mapper}",
        )
    return FittedLaw(calibration, moments, kinds)


def _concatenate(parts: list[ExemplarInfluence]) -> ExemplarInfluence:
    return ExemplarInfluence(
        share=np.concatenate([part.share for part in parts]), kl=np.concatenate([part.kl for part in parts])
    )


def _mean_row(influence: SampleInfluence) -> InfluenceRow:
    after = influence.after
    return InfluenceRow(
        encoder=influence.encoder,
        mapper=influence.mapper,
        case_name=influence.case_name,
        split=influence.split,
        samples=len(influence.samples),
        left_out=influence.left_out,
        chance=float(influence.chance.mean()),
        influence_before=float(influence.before.share.mean()),
        influence_after=float(after.share.mean()) if after else None,
        kl_before=float(influence.before.kl.mean()),
        kl_after=float(after.kl.mean()) if after else None,
    )
