"""What one step of the training compares: exemplars and samples of some models, and images of none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .config import MapperConfig
from .data import TrainingData
from .pairs import PairSampler

EXEMPLARS = 16
"""The most exemplars of a model in one batch; others have their turn in later ones."""


@dataclass(frozen=True)
class Batch:
    """Features of exemplars (exemplars, dim) and samples (samples, dim), and whose they are.

    same: (samples, exemplars) bool, whether both are of one model.
    """

    exemplars: Tensor
    samples: Tensor
    same: Tensor


class PairSource:
    """One exemplar and one sample of each model, at random (C.1)."""

    def __init__(self, data: TrainingData, config: MapperConfig) -> None:
        """Draws from the views of `data`, `config.batch` models at once."""
        self._sampler = PairSampler(data.models, data.view_row)
        self._views, self._batch = data.views, config.batch
        self.batches = -(-len(data.models) // config.batch)

    def draw(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every model once, a random view of each side, in batches of different models."""
        exemplars, samples = self._sampler.draw(rng)
        order = rng.permutation(self._sampler.models)
        which = rng.integers(0, self._views.shape[1], size=(2, self._sampler.models))
        for start in range(0, self._sampler.models, self._batch):
            part = order[start : start + self._batch]
            if len(part) > 1:  # a pair alone has no negative
                yield Batch(
                    self._views[exemplars[part], which[0, part]],
                    self._views[samples[part], which[1, part]],
                    torch.eye(len(part), dtype=torch.bool),
                )


class SetSource:
    """All exemplars of each model (EXEMPLARS at most) and some of its samples."""

    def __init__(self, data: TrainingData, config: MapperConfig) -> None:
        """Draws from the views of `data`, `config.samples` of a model, `config.batch` samples at once."""
        rows = data.view_row
        self._exemplars = [np.array([rows[i] for i in m.exemplars]) for m in data.models]
        self._samples = [np.array([rows[i] for i in m.sample_ids()]) for m in data.models]
        self._views = data.views
        self._per_model = config.samples
        self._models = max(2, config.batch // config.samples)
        self.batches = -(-len(data.models) // self._models)

    def draw(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every model once, a random view of each item, in batches of different models."""
        order = rng.permutation(len(self._samples))
        for start in range(0, len(order), self._models):
            part = order[start : start + self._models]
            if len(part) > 1:
                exemplars, own = _take(self._exemplars, part, EXEMPLARS, rng)
                samples, model = _take(self._samples, part, self._per_model, rng)
                same = torch.from_numpy(model[:, None] == own[None, :])
                yield Batch(self._view(exemplars, rng), self._view(samples, rng), same)

    def _view(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        return self._views[rows, rng.integers(0, self._views.shape[1], size=len(rows))]


def _take(
    lists: list[NDArray[np.int64]], part: NDArray[np.int64], most: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Up to `most` of each list in `part`, at random, and the list that each is of."""
    chosen = [rng.permutation(lists[index])[:most] for index in part]
    return np.concatenate(chosen), np.repeat(part, [len(one) for one in chosen])
