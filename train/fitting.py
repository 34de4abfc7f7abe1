"""The loop: pairs in, gradient steps on h and h~, a record an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .config import MapperConfig
from .data import Data
from .losses import contrastive_loss, orthogonality
from .maps import LinearMap, principal_directions
from .pairs import PairSampler
from .validation import Validation


def start_maps(data: Data, config: MapperConfig) -> tuple[LinearMap, LinearMap]:
    """Identity maps, with the biases and directions that `config` asks for."""
    images = data.features.of(data.gallery or sorted({i for m in data.models for i in m.exemplars}))
    basis = principal_directions(images, config.rank) if config.rank else None
    real = None if config.centre == "none" else images.mean(0)
    synth = real
    if config.centre == "each":
        synth = data.features.of([item for model in data.models for item in model.sample_ids()]).mean(0)
    return LinearMap(images.shape[1], real, basis), LinearMap(images.shape[1], synth, basis)


def fit(
    real: LinearMap, synth: LinearMap, data: Data, config: MapperConfig
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
        _towards_start((real, synth), optimizer.param_groups[0]["lr"] * config.weight_decay)
    return float(contrastive.detach()), float(regulariser.detach())


@torch.no_grad()
def _towards_start(maps: tuple[LinearMap, LinearMap], share: float) -> None:
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


def _validation(data: Data, config: MapperConfig) -> Validation | None:
    if not data.held_out or not data.gallery:
        return None
    return Validation.build(data.held_out, data.features, data.gallery, config.temperature)
