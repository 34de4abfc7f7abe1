"""Customized models to train on, and pairs (exemplar, sample) drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..store import InvalidInputError, Store

CONTROL_METHOD = "none"  # of the untouched base, whose samples owe nothing to the exemplars
CUSTOMIZED, UNTOUCHED = "customized", "none"
SOURCES = (CUSTOMIZED, UNTOUCHED)
"""What a mapper learns from: customized models, or the untouched base on captions of exemplars."""

_PREFIX = {CUSTOMIZED: "", UNTOUCHED: "untouched-"}


def split_of(split: str, on: str) -> str:
    """The split whose models are read for `split` ("train" or "val") by a mapper that learns from `on`."""
    return f"{_PREFIX[on]}{split}"


@dataclass(frozen=True)
class TrainModel:
    """One customized model: its exemplars and, per scheme, its samples, by id."""

    model_id: str
    kind: str
    exemplars: tuple[str, ...]
    samples: Mapping[str, tuple[str, ...]]

    def sample_ids(self) -> list[str]:
        """All samples, scheme by scheme."""
        return [sample for scheme in sorted(self.samples) for sample in self.samples[scheme]]


def load_models(
    store: Store,
    split: str,
    embedded: set[str],
    kinds: Sequence[str] | None = None,
    on: str = CUSTOMIZED,
) -> list[TrainModel]:
    """The models of `split` (and `kinds`), reduced to items that are in `embedded`, sorted by id.

    Models left without an exemplar or without a sample are left out, and so are control models. `on` 'none'
    takes the untouched base of the split `untouched-<split>` instead, a model for each set of exemplars.
    """
    split = split_of(split, on)
    columns = ["model_id", "method", "concept_kind", "exemplar_ids", "split"]
    samples: dict[str, dict[str, list[str]]] = {}
    for row in store.read("samples", ["sample_id", "model_id", "scheme"]).to_pylist():
        if row["sample_id"] in embedded:
            schemes = samples.setdefault(row["model_id"], {})
            schemes.setdefault(row["scheme"] or "", []).append(row["sample_id"])
    models = []
    for row in sorted(store.read("models", columns).to_pylist(), key=lambda row: str(row["model_id"])):
        wanted = row["split"] == split and (kinds is None or row["concept_kind"] in kinds)
        exemplars = tuple(sorted(set(row["exemplar_ids"]) & embedded))
        untouched = row["method"] == CONTROL_METHOD
        if not wanted or untouched != (on == UNTOUCHED) or not exemplars or row["model_id"] not in samples:
            continue
        own = {scheme: tuple(sorted(ids)) for scheme, ids in samples[row["model_id"]].items()}
        models.append(TrainModel(row["model_id"], row["concept_kind"] or "", exemplars, own))
    return models


def take_pairs(models: Sequence[TrainModel], pairs: int) -> list[TrainModel]:
    """The models with `pairs` samples in all: the first of each model, then the second, scheme by scheme.

    Raises InvalidInputError where there are fewer.
    """
    turns = {model.model_id: _by_turns(model) for model in models}
    ordered = [(turn, model, *own[turn]) for model, own in turns.items() for turn in range(len(own))]
    if len(ordered) < pairs:
        raise InvalidInputError(
            f"there are {len(ordered)} samples to train on, not {pairs}",
            hint=f"ask for {len(ordered)} pairs or fewer: a pair is a sample with an exemplar of its model",
        )
    kept: dict[str, dict[str, list[str]]] = {}
    for _, model, scheme, sample in sorted(ordered)[:pairs]:
        kept.setdefault(model, {}).setdefault(scheme, []).append(sample)
    return [
        replace(model, samples={scheme: tuple(ids) for scheme, ids in kept[model.model_id].items()})
        for model in models
        if model.model_id in kept
    ]


def _by_turns(model: TrainModel) -> list[tuple[str, str]]:
    """(scheme, sample) of all its samples, schemes in turn."""
    numbered = [
        (place, scheme, sample) for scheme, ids in model.samples.items() for place, sample in enumerate(ids)
    ]
    return [(scheme, sample) for _, scheme, sample in sorted(numbered)]


class PairSampler:
    """Draws one (exemplar, scheme, sample) of each model, all uniformly, in that order (C.1)."""

    def __init__(self, models: Sequence[TrainModel], row: Mapping[str, int]) -> None:
        """`row` is the row of each item's features."""
        self.models = len(models)
        self._exemplars, self._exemplar_counts = _pad([[row[i] for i in m.exemplars] for m in models])
        schemes = [[[row[i] for i in m.samples[name]] for name in sorted(m.samples)] for m in models]
        self._scheme_counts = np.array([len(lists) for lists in schemes])
        self._first_scheme = np.cumsum([0, *self._scheme_counts[:-1]])
        self._samples, self._sample_counts = _pad([rows for lists in schemes for rows in lists])

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(models,) rows of the exemplars and of the samples, model by model."""
        every = np.arange(self.models)
        exemplars = self._exemplars[every, _pick(rng, self._exemplar_counts)]
        scheme = self._first_scheme + _pick(rng, self._scheme_counts)
        samples = self._samples[scheme, _pick(rng, self._sample_counts[scheme])]
        return exemplars, samples


def _pad(lists: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lists of unequal length as one array, and their lengths."""
    counts = np.array([len(values) for values in lists], dtype=np.int64)
    table = np.zeros((len(lists), int(counts.max(initial=1))), dtype=np.int64)
    for index, values in enumerate(lists):
        table[index, : len(values)] = values
    return table, counts


def _pick(rng: np.random.Generator, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """A uniform index below each count."""
    return rng.integers(0, counts)
