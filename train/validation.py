"""Recall@10 and the loss on held-out models: what an epoch, a rank or a weight is chosen by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .data import FeatureMatrix
from .losses import contrastive_loss
from .pairs import TrainModel

TOP = 10

Map = Callable[[Tensor], Tensor]
"""Features (items, dim) to mapped rows, not normalised."""


@dataclass(frozen=True)
class Validation:
    """Held-out models and the gallery to search. `own` (samples, gallery) marks a sample's own exemplars."""

    models: Sequence[TrainModel]
    features: FeatureMatrix
    gallery: Tensor
    own: Tensor
    temperature: float

    @classmethod
    def build(
        cls, models: Sequence[TrainModel], features: FeatureMatrix, gallery: Sequence[str], temperature: float
    ) -> Validation:
        """`gallery` are image ids; an exemplar that is also in the gallery counts once."""
        column = {image: index for index, image in enumerate(gallery)}
        own = torch.zeros(sum(len(m.sample_ids()) for m in models), len(gallery), dtype=torch.bool)
        row = 0
        for model in models:
            count = len(model.sample_ids())
            columns = [column[image] for image in model.exemplars if image in column]
            own[row : row + count, columns] = True
            row += count
        return cls(models, features, features.of(gallery), own, temperature)

    def recall(self, real: Map, synth: Map) -> float:
        """Mean Recall@10 over samples, each in the pool of the gallery and its own exemplars.

        Ties count against the exemplar.
        """
        return float(torch.cat(self.recalls(real, synth)).mean())

    @torch.no_grad()
    def recalls(self, real: Map, synth: Map) -> list[Tensor]:
        """Recall@10 of each sample (samples,), model by model."""
        gallery = normalize(real(self.gallery), dim=1)
        hits: list[Tensor] = []
        row = 0
        for model in self.models:
            queries = normalize(synth(self.features.of(model.sample_ids())), dim=1)
            exemplars = normalize(real(self.features.of(model.exemplars)), dim=1)
            others = (queries @ gallery.T).masked_fill(self.own[row : row + len(queries)], -torch.inf)
            own = queries @ exemplars.T
            above = torch.stack([(others >= column).sum(1) for column in own.T.unsqueeze(2)], dim=1)
            rank = 1 + above + (own.unsqueeze(1) > own.unsqueeze(2)).sum(2)
            hits.append((rank <= TOP).float().mean(1))
            row += len(queries)
        return hits

    @torch.no_grad()
    def loss(self, real: Map, synth: Map) -> float:
        """Eq. 3 over the held-out models, each with its mean exemplar and mean sample."""
        means = [
            (self.features.of(m.exemplars).mean(0), self.features.of(m.sample_ids()).mean(0))
            for m in self.models
        ]
        exemplars, samples = (torch.stack(side) for side in zip(*means, strict=True))
        return float(contrastive_loss(real(exemplars), synth(samples), self.temperature))
