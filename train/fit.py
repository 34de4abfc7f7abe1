"""The training loop of h and h~ (eq. 3 and 4), and their validation on held-out models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from .config import MapperConfig
from .data import FeatureMatrix, TrainingData
from .linear_map import LinearMap, principal_directions
from .losses import contrastive_loss, orthogonality
from .pairs import PairSampler, TrainModel

TOP = 10


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

    @torch.no_grad()
    def recall(self, real: LinearMap, synth: LinearMap) -> float:
        """Mean Recall@10 over samples, each in the pool of the gallery and its own exemplars.

        Ties count against the exemplar.
        """
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


def start_maps(data: TrainingData, config: MapperConfig) -> tuple[LinearMap, LinearMap]:
    """Identity maps, with the biases and directions that `config` asks for."""
    images = data.features.of(data.gallery or sorted({i for m in data.models for i in m.exemplars}))
    basis = principal_directions(images, config.rank) if config.rank else None
    real = None if config.centre == "none" else images.mean(0)
    synth = real
    if config.centre == "each":
        synth = data.features.of([item for model in data.models for item in model.sample_ids()]).mean(0)
    return LinearMap(images.shape[1], real, basis), LinearMap(images.shape[1], synth, basis)


def fit(
    real: LinearMap, synth: LinearMap, data: TrainingData, config: MapperConfig
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Train in place; yield each epoch's record (epoch 0 is the start) and whether it is the best so far."""
    rng = np.random.default_rng(config.seed)
    sampler = PairSampler(data.models, data.view_row)
    optimizer = torch.optim.Adam([*real.parameters(), *synth.parameters()], lr=config.lr, betas=(0.9, 0.999))
    steps = config.epochs * config.draws * -(-sampler.models // config.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    validation = _validation(data, config)
    best = (-1.0, 0.0)
    for epoch in range(config.epochs + 1):
        losses: list[tuple[float, float]] = []
        for _ in range(config.draws if epoch else 0):
            for exemplars, samples in _batches(sampler, data.views, config.batch, rng):
                losses.append(_step(real, synth, exemplars, samples, optimizer, config))
                schedule.step()
        record: dict[str, Any] = {"epoch": epoch}
        if losses:
            contrastive, regulariser = np.mean(losses, axis=0).tolist()
            record |= {"contrastive": contrastive, "regulariser": regulariser}
            record["loss"] = contrastive + config.regulariser * regulariser
        improved = validation is None and epoch == config.epochs
        if validation and (epoch % config.validate_every == 0 or epoch == config.epochs):
            score = (validation.recall(real, synth), -validation.loss(real, synth))
            record |= {"val_recall_10": score[0], "val_loss": -score[1]}
            improved = score > best
            best = max(best, score)
        yield record, improved


def _step(
    real: LinearMap,
    synth: LinearMap,
    exemplars: Tensor,
    samples: Tensor,
    optimizer: torch.optim.Optimizer,
    config: MapperConfig,
) -> tuple[float, float]:
    contrastive = contrastive_loss(real(exemplars), synth(samples), config.temperature)
    regulariser = orthogonality(real.core, synth.core)
    optimizer.zero_grad()
    (contrastive + config.regulariser * regulariser).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    if config.weight_decay:
        _decay_towards_identity((real, synth), optimizer.param_groups[0]["lr"] * config.weight_decay)
    return float(contrastive.detach()), float(regulariser.detach())


@torch.no_grad()
def _decay_towards_identity(maps: tuple[LinearMap, LinearMap], share: float) -> None:
    """Decoupled weight decay, towards identity instead of zero. Biases are left alone."""
    for one in maps:
        one.core.lerp_(torch.eye(len(one.core)), share)


def _batches(
    sampler: PairSampler, views: Tensor, batch: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pair of each model, a random view of each side, in batches of different models."""
    exemplars, samples = sampler.draw(rng)
    order = rng.permutation(sampler.models)
    which = rng.integers(0, views.shape[1], size=(2, sampler.models))
    for start in range(0, sampler.models, batch):
        part = order[start : start + batch]
        if len(part) > 1:  # a pair alone has no negative
            yield views[exemplars[part], which[0, part]], views[samples[part], which[1, part]]


def _validation(data: TrainingData, config: MapperConfig) -> Validation | None:
    if not data.held_out or not data.gallery:
        return None
    return Validation.build(data.held_out, data.features, data.gallery, config.temperature)
