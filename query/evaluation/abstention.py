"""How often "none of these" is right: false attributions, power, and what the set of a level holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.abstention import Abstention, load_abstention
from ...runtime.conformal import is_at_most, least_p_value
from ...runtime.mapper import normalise
from ...runtime.moments import GalleryMoments, load_moments, mapper_digest
from ...runtime.pool_scores import OwnedSamples, PoolPass, PoolScores
from ...store.errors import ConflictError, NotFoundError
from ..catalog import choose_encoder, choose_mapper
from ..features import FeatureReader, ImageSet, Pinned
from ..search import SearchSpace

if TYPE_CHECKING:
    from ...store import Store

LEVELS = (0.05, 0.1, 0.2)
CONTROL = "none"
"""The method of models that are the untouched base."""

NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Rate:
    """A mean over models of shares of their samples, with its 95% binomial interval (Wilson's)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AbstentionRow:
    """One group of models at one level.

    Attributes:
        group: a concept kind or case, or `all`.
        models: how many of the split were measured.
        validation_models: how many they were judged by, the fewest where models differ.
        supported: whether these support alpha; where not, nothing is attributed and sets are the whole pool.
        false_attributions: the share of samples that are attributed though their own exemplars are left out.
        power: the share that is attributed with their exemplars in the pool.
        coverage: the share of the exemplars that is in the set.
        set_size: images in the set, the median over samples.
    """

    encoder: str
    mapper: str
    split: str
    group: str
    alpha: float
    models: int
    samples: int
    validation_models: int
    supported: bool
    false_attributions: Rate
    power: Rate
    coverage: Rate
    set_size: float
    pool_size: int

    def to_dict(self) -> dict[str, Any]:
        """All fields by name; a rate as its value, `_low` and `_high`."""
        flat: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Rate):
                flat |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
            else:
                flat[name] = value
        return flat


def wilson_interval(successes: float, trials: int) -> tuple[float, float]:
    """The 95% interval of a binomial share. `successes` may be a sum of shares in [0, 1], which vary less."""
    share, z2 = successes / trials, NORMAL_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def abstention_table(
    store: Store,
    encoder: str | None = None,
    mapper: str | None = None,
    *,
    split: str = "test",
    by: str = "kind",
    levels: Sequence[float] = LEVELS,
    pooled: bool = False,
) -> list[AbstentionRow]:
    """False attributions, power, coverage and sizes of sets over the models of a split, per group and level.

    Every model weighs the same. A model that the abstention was trained on is judged by the others.

    Args:
        store: the store.
        encoder: which features; when left out those of the newest mapper, else the first by name.
        mapper: which mapper, or `none`; the newest one when left out.
        split: of the models.
        by: what groups are: `kind` or `case`.
        levels: alpha, each in (0, 1).
        pooled: judge by models of all kinds, as for pictures of which the kind is not known.

    Raises:
        NotFoundError: no such encoder, mapper, or no embedded sample of the split.
        ConflictError: no abstention was trained for this encoder and mapper, or the mapper was since.
    """
    pinned = Pinned.now(store)
    encoder = choose_encoder(pinned, encoder)
    mapper = choose_mapper(pinned, encoder, mapper)
    scores, moments = _read_trained(pinned, encoder, mapper)
    features = FeatureReader(pinned, encoder, mapper)
    models, samples = _read_models(pinned, features, split)
    asked = _AskedModels(models, samples, scores, moments, pooled)
    lines = asked.lines(levels)
    found, pool_size = _compare(pinned, features, samples, lines)
    outcomes = [
        [asked.outcome(model, alpha, found, lines[:, level], level) for level, alpha in enumerate(levels)]
        for model in models
    ]
    names = [model.kind if by == "kind" else model.case_name for model in models]
    rows = []
    for group in [*sorted(set(names)), "all"]:
        mine = [own for own, name in zip(outcomes, names, strict=True) if group in (name, "all")]
        for level, alpha in enumerate(levels):
            measured = _measured([own[level] for own in mine])
            rows.append(
                AbstentionRow(encoder, mapper, split, group, alpha=alpha, pool_size=pool_size, **measured)
            )
    return rows


@dataclass(frozen=True)
class _Model:
    """A model of the split; `samples` are its rows of the vectors that were read."""

    model_id: str
    kind: str
    case_name: str
    samples: NDArray[np.int64]


@dataclass(frozen=True)
class _Outcome:
    """What became of the samples of one model at one level: means, and the size of the set of each."""

    judges: int
    supported: bool
    false_attributions: float
    power: float
    coverage: float
    set_sizes: NDArray[np.int64]


class _AskedModels:
    """The models of a split, and those that each is judged by."""

    def __init__(
        self,
        models: Sequence[_Model],
        samples: OwnedSamples,
        scores: Abstention,
        moments: GalleryMoments,
        pooled: bool,
    ) -> None:
        self._models, self._count = models, len(samples.vectors)
        self._mean, self._spread = moments.spread(samples.vectors)
        self._judges = {model.model_id: scores.without(model.model_id) for model in models}
        self._pooled = pooled

    def _kind(self, model: _Model) -> str | None:
        return None if self._pooled or model.kind not in self._judges[model.model_id].kinds() else model.kind

    def lines(self, levels: Sequence[float]) -> NDArray[np.float64]:
        """(samples, levels) the similarity from which on images are in the set."""
        lines = np.empty((self._count, len(levels)))
        for model in self._models:
            judge, kind, own = self._judges[model.model_id], self._kind(model), model.samples
            thresholds = np.array([judge.threshold(alpha, kind) for alpha in levels])
            lines[own] = self._mean[own, None] + thresholds * self._spread[own, None]
        return lines

    def outcome(
        self, model: _Model, alpha: float, found: PoolScores, lines: NDArray[np.float64], level: int
    ) -> _Outcome:
        """What became of the samples of `model` at `alpha`, which is `level` of `found.above`."""
        judge, kind, own = self._judges[model.model_id], self._kind(model), model.samples
        best = np.maximum(found.best_other[own], [found.own[sample].max() for sample in own])

        def attributed(similarities: NDArray[np.float64]) -> float:
            p_none = judge.p_values((similarities - self._mean[own]) / self._spread[own], kind)
            return float(np.mean([is_at_most(one, alpha) for one in p_none.tolist()]))

        judges = len(judge.of_kind(kind))
        return _Outcome(
            judges=judges,
            supported=is_at_most(least_p_value(judges), alpha),
            false_attributions=attributed(found.best_other[own]),
            power=attributed(best),
            coverage=float(np.mean([np.mean(found.own[sample] >= lines[sample]) for sample in own])),
            set_sizes=found.above[own, level],
        )


def _read_trained(pinned: Pinned, encoder: str, mapper: str) -> tuple[Abstention, GalleryMoments]:
    """What was trained. Raises ConflictError where there is none for the mapper as it is."""
    hint = f"attribase -s STORE train abstention --encoder {encoder} --mapper {mapper}"
    known = all(table in pinned.versions for table in ("abstentions", "gallery_moments"))
    scores = load_abstention(pinned, encoder, mapper) if known else None
    moments = load_moments(pinned, encoder, mapper) if known else None
    if scores is None or moments is None:
        raise ConflictError(f"no abstention was trained for {encoder} with {mapper}", hint=hint)
    if not mapper_digest(pinned, encoder, mapper) == scores.mapper_digest == moments.mapper_digest:
        raise ConflictError(f"the mapper {mapper!r} was trained again since its abstention was", hint=hint)
    return scores, moments


def _read_models(pinned: Pinned, features: FeatureReader, split: str) -> tuple[list[_Model], OwnedSamples]:
    """The models of the split that have an exemplar and a sample with a vector, and these samples.

    Raises NotFoundError where there is none.
    """
    columns = ["model_id", "method", "concept_kind", "case_name", "split", "exemplar_ids"]
    chosen = {
        row["model_id"]: row
        for row in pinned.read("models", columns).to_pylist()
        if row["split"] == split
        and row["method"] != CONTROL
        and (features.positions(row["exemplar_ids"]) >= 0).any()
    }
    rows = pinned.read("samples", ["sample_id", "model_id"]).to_pylist()
    samples = sorted((row["model_id"], row["sample_id"]) for row in rows if row["model_id"] in chosen)
    there = features.positions([sample for _, sample in samples]) >= 0
    samples = [one for one, known in zip(samples, there, strict=True) if known]
    if not samples:
        raise NotFoundError(
            f"no model of the split {split!r} has an embedded sample and exemplar",
            hint="use --split with the split of models that were customized, sampled and embedded",
        )
    ids = sorted({model for model, _ in samples})
    owners = np.array([ids.index(model) for model, _ in samples])
    models = [
        _Model(
            model,
            chosen[model]["concept_kind"] or "",
            chosen[model]["case_name"] or "",
            np.flatnonzero(owners == at),
        )
        for at, model in enumerate(ids)
    ]
    vectors = normalise(features.raw([sample for _, sample in samples]))
    return models, OwnedSamples(vectors, owners, [chosen[model]["exemplar_ids"] for model in ids])


def _compare(
    pinned: Pinned, features: FeatureReader, samples: OwnedSamples, lines: NDArray[np.float64]
) -> tuple[PoolScores, int]:
    """The similarities of samples to the gallery and every exemplar, and how many images these are."""
    space = SearchSpace.open(pinned, features.encoder, features.mapper)
    pool = ImageSet(features, space.ids.filter(space.pool("all").mask))
    compared, ids, start = PoolPass(samples, lines), pool.ids, 0
    for block in pool.blocks():
        compared.add(ids[start : start + len(block)].to_pylist(), block)
        start += len(block)
    return compared.scores, len(pool)


def _measured(outcomes: Sequence[_Outcome]) -> dict[str, Any]:
    """The fields of a row that are measured."""

    def rate(name: str) -> Rate:
        total = sum(getattr(one, name) for one in outcomes)
        return Rate(total / len(outcomes), *wilson_interval(total, len(outcomes)))

    sizes = np.concatenate([one.set_sizes for one in outcomes])
    return {
        "models": len(outcomes),
        "samples": len(sizes),
        "validation_models": min(one.judges for one in outcomes),
        "supported": all(one.supported for one in outcomes),
        "set_size": float(np.median(sizes)),
        **{name: rate(name) for name in ("false_attributions", "power", "coverage")},
    }
