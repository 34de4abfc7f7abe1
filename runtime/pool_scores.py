"""Similarities of samples to a pool in one pass: the best without their own exemplars, and those of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OwnedSamples:
    """Samples of some models, as unit rows of h~.

    Attributes:
        vectors: (samples, dim).
        models: (samples,) which model each is of.
        exemplars: of each model, the ids of its exemplars.
    """

    vectors: NDArray[np.float32]
    models: NDArray[np.int64]
    exemplars: Sequence[Sequence[str]]

    def of_models(self) -> list[NDArray[np.int64]]:
        """For each model, which samples are its own."""
        return [np.flatnonzero(self.models == model) for model in range(len(self.exemplars))]


@dataclass(frozen=True)
class PoolScores:
    """What a pass over a pool found.

    Attributes:
        best_other: (samples,) the largest similarity to an image that is no exemplar of the sample's model;
            minus infinity where there is none.
        own: for each sample, (exemplars of its model that are in the pool,) their similarities.
        above: (samples, levels) images of the pool, own exemplars included, with a similarity of at least the
            sample's line.
    """

    best_other: NDArray[np.float64]
    own: list[NDArray[np.float64]]
    above: NDArray[np.int64]


class PoolPass:
    """Compares samples with the images of a pool: `add` each block of it once, then read `scores`."""

    def __init__(self, samples: OwnedSamples, lines: NDArray[np.float64] | None = None) -> None:
        """`lines`: (samples, levels) similarities to count images from; none when left out."""
        count = len(samples.vectors)
        self._vectors, self._mine = samples.vectors, samples.of_models()
        self._lines = np.empty((count, 0)) if lines is None else lines
        self._owners: dict[str, list[int]] = {}
        for model, ids in enumerate(samples.exemplars):
            for image in dict.fromkeys(ids):
                self._owners.setdefault(image, []).append(model)
        self._best = np.full(count, -np.inf)
        self._own: list[list[float]] = [[] for _ in range(count)]
        self._above = np.zeros(self._lines.shape, np.int64)

    def add(self, ids: Sequence[str], rows: NDArray[np.float32]) -> None:
        """Take in images of the pool: their ids and unit rows of h (items, dim)."""
        if not ids:
            return
        scores = (self._vectors @ rows.T).astype(np.float64)
        for level in range(self._lines.shape[1]):
            self._above[:, level] += (scores >= self._lines[:, level, None]).sum(axis=1)
        for at, image in enumerate(ids):
            for model in self._owners.get(image, ()):
                for sample in self._mine[model]:
                    self._own[sample].append(float(scores[sample, at]))
                scores[self._mine[model], at] = -np.inf
        self._best = np.maximum(self._best, scores.max(axis=1))

    @property
    def scores(self) -> PoolScores:
        """What the images that were added gave."""
        return PoolScores(self._best, [np.array(values) for values in self._own], self._above)
