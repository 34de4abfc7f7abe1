"""The training loop of h and h~ (eq. 3 and 4, and the rungs above them)."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .batches import Batch, PairSource, SetSource
from .config import MapperConfig
from .data import TrainingData
from .hubness import ShiftedPair, shift_images
from .losses import contrastive_loss, set_loss
from .negatives import GalleryNegatives, drop_duplicates
from .parts import TrainablePair
from .validation import Validation

TrainedPair: TypeAlias = TrainablePair | ShiftedPair

LR_SCALARS = 1e-2
"""Adam's learning rate of log(1/nu) and of the parts' weights: a few numbers, far from where they start."""


def fit(
    pair: TrainablePair, data: TrainingData, config: MapperConfig
) -> Iterator[tuple[dict[str, Any], TrainedPair, bool]]:
    """Train in place; yield each epoch's record (epoch 0 is the start), the pair and whether it is the best.

    The pair is `pair`, with the average of its weights and the shift by image that `config` asks for.
    """
    rng = np.random.default_rng(config.seed)
    trainer = _Trainer(pair, data, config, rng)
    validation = _validation(data, config)
    best = (-1.0, 0.0)
    for epoch in range(config.epochs + 1):
        pair.train()  # an MLP's BatchNorm: by the batch in steps, by running statistics elsewhere
        losses = list(trainer.epoch()) if epoch else []
        pair.eval()
        record: dict[str, Any] = {"epoch": epoch}
        if losses:
            contrastive, regulariser = np.mean(losses, axis=0).tolist()
            record |= {"contrastive": contrastive, "regulariser": regulariser}
            record["loss"] = contrastive + config.regulariser * regulariser
        if config.learn_temperature:
            record["temperature"] = float(torch.as_tensor(pair.temperature()).detach())
        current = shift_images(trainer.current(), data, config)
        improved = validation is None and epoch == config.epochs
        if validation and (epoch % config.validate_every == 0 or epoch == config.epochs):
            maps = (current.real, current.synth)
            score = (validation.recall(*maps), -validation.loss(*maps))
            record |= {"val_recall_10": score[0], "val_loss": -score[1]}
            improved = score > best if config.keep == "best" else epoch == config.epochs
            best = max(best, score)
        yield record, current, improved


class _Trainer:
    """The optimiser, and what its steps draw from."""

    def __init__(
        self, pair: TrainablePair, data: TrainingData, config: MapperConfig, rng: np.random.Generator
    ) -> None:
        self._pair, self._data, self._config, self._rng = pair, data, config, rng
        self._source = PairSource(data, config) if config.positives == "pair" else SetSource(data, config)
        exemplars = data.features.of([image for model in data.models for image in model.exemplars])
        pool = drop_duplicates(data.features.of(data.negatives), exemplars, config.duplicate)
        self._negatives = GalleryNegatives(pool, config.negatives, config.mined)
        self._samples = data.features.of([item for model in data.models for item in model.sample_ids()])
        groups = [{"params": pair.map_parameters(), "lr": config.lr}]
        if scalars := pair.scalars():
            groups.append({"params": scalars, "lr": LR_SCALARS})
        self._optimizer = torch.optim.Adam(groups, betas=(0.9, 0.999))
        steps = config.epochs * config.draws * self._source.batches
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, max(1, steps))
        self._average = deepcopy(pair) if config.average else None

    def epoch(self) -> Iterator[tuple[float, float]]:
        """The contrastive loss and the regulariser of each step."""
        self._negatives.mine(self._pair.real, self._pair.synth, self._samples)
        for _ in range(self._config.draws):
            for batch in self._source.draw(self._rng):
                yield self._step(batch)
                self._schedule.step()

    def current(self) -> TrainablePair:
        """The pair as it is, or with the average of its weights over the last steps."""
        return self._pair if self._average is None else self._average

    def _step(self, batch: Batch) -> tuple[float, float]:
        contrastive = self._loss(batch)
        regulariser = self._pair.orthogonality()
        self._optimizer.zero_grad()
        (contrastive + self._config.regulariser * regulariser).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._config.weight_decay:
            share = self._optimizer.param_groups[0]["lr"] * self._config.weight_decay
            _decay_towards_identity(self._pair, share)
        if self._average is not None:
            _average_into(self._average, self._pair, self._config.average)
        return float(contrastive.detach()), float(regulariser.detach())

    def _loss(self, batch: Batch) -> Tensor:
        pair, config = self._pair, self._config
        real, synth = pair.real(batch.exemplars), pair.synth(batch.samples)
        if config.positives == "pair" and not config.negatives:
            return contrastive_loss(real, synth, pair.temperature())
        negatives = pair.real(self._negatives.draw(self._rng))
        positives = "each" if config.positives == "pair" else config.positives
        return set_loss(real, synth, batch.same, pair.temperature(), positives, negatives)


@torch.no_grad()
def _average_into(average: TrainablePair, pair: TrainablePair, decay: float) -> None:
    """Exponential moving average of all weights."""
    for kept, now in zip(average.parameters(), pair.parameters(), strict=True):
        kept.lerp_(now, 1 - decay)


@torch.no_grad()
def _decay_towards_identity(pair: TrainablePair, share: float) -> None:
    """Decoupled weight decay, towards identity instead of zero. Biases are left alone."""
    for cores in pair.cores():
        for core in cores:
            core.lerp_(torch.eye(len(core)), share)


def _validation(data: TrainingData, config: MapperConfig) -> Validation | None:
    if not data.held_out or not data.gallery:
        return None
    return Validation.build(data.held_out, data.features, data.gallery, config.temperature)
