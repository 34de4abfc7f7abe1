"""Less similarity for images that are near to everything: a shift by image, as two more dimensions.

A few images of a gallery are among the nearest of very many samples. Each image's mean similarity to the
training samples nearest to it is subtracted (CSLS, arXiv:1710.04087; QB-Norm, arXiv:2112.12777), in the form
of `BiasedImageMapper`, so vectors stay unit rows that are compared by one product.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from ..runtime import BiasedImageMapper, BiasedSampleMapper, MapperPair
from .config import MapperConfig
from .data import TrainingData
from .parts import TrainablePair

BANK = 2048
"""The most training samples that images are compared with."""

BLOCK = 4096
"""Images that are compared at once."""


class ShiftedPair:
    """A trained pair whose similarity is u.v - w h(u), h(u) the mean product with the nearest of `bank`."""

    def __init__(self, pair: TrainablePair, bank: Tensor, weight: float, neighbours: int) -> None:
        """`bank` (rows, dim) are mapped samples, unit rows; `weight` w, above 0."""
        self.pair, self.bank, self.weight = pair, bank, weight
        self.neighbours = min(neighbours, len(bank))

    def real(self, features: Tensor) -> Tensor:
        """(items, dim) to unit rows [u, -w h / sqrt(w), rest of the length] / sqrt(1 + w)."""
        rows = normalize(self.pair.real(features), dim=1)
        products = (block @ self.bank.T for block in torch.split(rows, BLOCK))
        nearest = torch.cat([block.topk(self.neighbours, 1).values.mean(1) for block in products])
        shift = sqrt(self.weight) * nearest
        rest = (self.weight - shift**2).clamp_min(0).sqrt()
        return torch.cat([rows, -shift[:, None], rest[:, None]], dim=1) / sqrt(1 + self.weight)

    def synth(self, features: Tensor) -> Tensor:
        """(items, dim) to unit rows [v, sqrt(w), 0] / sqrt(1 + w)."""
        rows = normalize(self.pair.synth(features), dim=1)
        rows = pad(pad(rows, (0, 1), value=sqrt(self.weight)), (0, 1))
        return rows / sqrt(1 + self.weight)

    def frozen(self) -> MapperPair:
        """The same pair for numpy."""
        inner = self.pair.frozen()
        if inner.h_real is None or inner.h_synth is None:  # for the type checker: both are there
            return inner
        bank = self.bank.cpu().numpy().copy()
        return MapperPair(
            BiasedImageMapper(inner.h_real, self.weight, bank, self.neighbours),
            BiasedSampleMapper(inner.h_synth, self.weight),
        )


@torch.no_grad()
def shift_images(
    pair: TrainablePair, data: TrainingData, config: MapperConfig
) -> TrainablePair | ShiftedPair:
    """`pair` with the shift that `config` asks for; itself where it asks for none."""
    if not config.hub_weight:
        return pair
    samples = data.features.of([item for model in data.models for item in model.sample_ids()])
    chosen = torch.randperm(len(samples), generator=torch.Generator().manual_seed(config.seed))[:BANK]
    bank = normalize(pair.synth(samples[chosen]), dim=1)
    return ShiftedPair(pair, bank, config.hub_weight, config.hub_neighbours)
