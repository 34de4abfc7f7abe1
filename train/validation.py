"""How good a pair of maps is on models that it was not trained on: Recall@10 and the contrastive loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .features import Features
from .losses import contrastive_loss
from .maps import LinearMap
from .pairs import TaughtModel

TOP = 10


@dataclass(frozen=True)
class Validation:
    """Held-out models and the gallery to search. `own` (samples, gallery) marks a sample's own exemplars."""

    models: Sequence[TaughtModel]
    features: Features
    gallery: Tensor
    own: Tensor
    temperature: float

    @classmethod
    def build(
        cls, models: Sequence[TaughtModel], features: Features, gallery: Sequence[str], temperature: float
    ) -> Validation:
        """`gallery` are image ids; an exemplar that is also in the gallery counts once."""
        place = {image: index for index, image in enumerate(gallery)}
        own = torch.zeros(sum(len(m.sample_ids()) for m in models), len(gallery), dtype=torch.bool)
        at = 0
        for model in models:
            count = len(model.sample_ids())
            columns = [place[image] for image in model.exemplars if image in place]
            own[at : at + count, columns] = True
            at += count
        return cls(models, features, features.of(gallery), own, temperature)

    @torch.no_grad()
    def recall(self, real: LinearMap, synth: LinearMap) -> float:
        """Mean Recall@10 over samples, each in the pool of the gallery and its own exemplars.

        Ties count against the exemplar.
        """
        gallery = normalize(real(self.gallery), dim=1)
        hits: list[Tensor] = []
        at = 0
        for model in self.models:
            queries = normalize(synth(self.features.of(model.sample_ids())), dim=1)
            exemplars = normalize(real(self.features.of(model.exemplars)), dim=1)
            others = (queries @ gallery.T).masked_fill(self.own[at : at + len(queries)], -torch.inf)
            found = queries @ exemplars.T
            above = torch.stack([(others >= column).sum(1) for column in found.T.unsqueeze(2)], dim=1)
            rank = 1 + above + (found.unsqueeze(1) > found.unsqueeze(2)).sum(2)
            hits.append((rank <= TOP).float().mean(1))
            at += len(queries)
        return float(torch.cat(hits).mean())

    @torch.no_grad()
    def loss(self, real: LinearMap, synth: LinearMap) -> float:
        """Eq. 3 over the held-out models, each with its mean exemplar and mean sample."""
        means = [
            (self.features.of(m.exemplars).mean(0), self.features.of(m.sample_ids()).mean(0))
            for m in self.models
        ]
        exemplars, samples = (torch.stack(side) for side in zip(*means, strict=True))
        return float(contrastive_loss(real(exemplars), synth(samples), self.temperature))
