"""Customized models to train on, and pairs (exemplar, sample) drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store import Store

CONTROL_METHOD = "none"  # of control models: the untouched base, whose samples owe nothing to the exemplars


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
    store: Store, split: str, embedded: set[str], kinds: Sequence[str] | None = None
) -> list[TrainModel]:
    """The models of `split` (and `kinds`), reduced to items that are in `embedded`, sorted by id.

    Models left without an exemplar or without a sample are left out, and so are control models.
    """
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
        if not wanted or row["method"] == CONTROL_METHOD or not exemplars or row["model_id"] not in samples:
            continue
        own = {scheme: tuple(sorted(ids)) for scheme, ids in samples[row["model_id"]].items()}
        models.append(TrainModel(row["model_id"], row["concept_kind"] or "", exemplars, own))
    return models


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
