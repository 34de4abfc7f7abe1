"""What both training loops share: the budget, the learning rate over it, an optimiser step, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....store.errors import DataError, InvalidInputError

_FLOOR = 0.03


@dataclass(frozen=True)
class Budget:
    """How long a training runs, over all resumptions.

    Attributes:
        minutes: of training time. Ignored when `steps` is given.
        steps: optimiser steps of each process: the same result on a slow machine as on a fast one.
    """

    minutes: float
    steps: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf or (self.steps is not None and self.steps < 1):
            raise InvalidInputError(
                f"cannot train for {self.minutes} minutes or {self.steps} steps",
                hint="use a positive number of minutes, or 1 step or more",
            )

    def used(self, step: int, seconds: float) -> float:
        """The share of the budget that `step` steps in `seconds` have used; 1 or more is all of it."""
        return seconds / 60 / self.minutes if self.steps is None else step / self.steps

    def progress(self, step: int, seconds: float) -> tuple[int, int]:
        """(done, total): seconds, or steps when the budget is in steps."""
        if self.steps is None:
            return round(seconds), round(self.minutes * 60)
        return step, self.steps


def learning_rate(peak: float, step: int, used: float, *, warmup: int, plateau: float) -> float:
    """The rate at `step` when a share `used` of the budget is used.

    It rises linearly for `warmup` steps, stays until `plateau` of the budget, then falls along half a
    cosine to 3% of `peak`.
    """
    rising = min(1.0, (step + 1) / warmup)
    if used <= plateau:
        return peak * rising
    fallen = min(1.0, (used - plateau) / (1 - plateau))
    return peak * rising * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * fallen)))


def update(optimizer: torch.optim.Optimizer, weights: Sequence[Any], loss: Tensor, rate: float) -> None:
    """One optimiser step down the gradient of `loss`, whose norm is clipped to 1, at learning rate `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, containers of them) atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    torch.save(state, draft)
    draft.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The saved state, or None when there is no file.

    Raises:
        DataError: the file is not a checkpoint.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint="delete it to start the training again"
        ) from error
    return state
