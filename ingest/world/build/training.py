"""One training loop for all networks: on the CPU or a GPU, resumable, with averaged weights.

On a GPU the whole step (batch, forward, backward, AdamW) is one CUDA graph: networks this small otherwise
wait for their kernels to be launched. So an objective must not wait for the device: no `.item()`, no copies.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ....store.errors import ConflictError, DataError, InvalidInputError
from ....store.jobs import Step

Objective: TypeAlias = Callable[[], tuple[Tensor, Tensor]]
"""(loss, error) of a new random batch: the loss is minimised, the error shown; both scalars."""

_FLOOR = 0.03
_WARMUP_STEPS = 3


@dataclass(frozen=True)
class Budget:
    """How long a training runs, over all resumptions.

    Attributes:
        minutes: of training time. Ignored when `steps` is given.
        steps: optimiser steps: the same result on a slow machine as on a fast one.
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


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training.

    Attributes:
        budget: of training.
        batch: images a step.
        rate: peak learning rate, reached after `warmup` steps, kept until a share `plateau` of the budget.
        average: decay of the averaged weights.
        weight_decay: of AdamW.
        round_steps: steps between two updates of learning rate and averaged weights.
        checkpoint_seconds: interval between checkpoints.
    """

    budget: Budget
    batch: int
    rate: float
    warmup: int
    plateau: float
    average: float
    weight_decay: float
    round_steps: int = 8
    checkpoint_seconds: float = 120.0
    seed: int = 0


def training_device() -> torch.device:
    """A CUDA GPU where there is one, else the CPU."""
    if not torch.cuda.is_available():
        torch.set_flush_denormal(True)
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda")


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


class Training:
    """Modules that are trained together, resumed from `checkpoint` where it exists.

    Args:
        modules: by name, on one device.
        objective: of a batch, computed with these modules.
        checkpoint: its name is the stage that is reported.
        config: budget and settings.
        made_from: what a checkpoint must have been made from, such as the networks' size.

    Raises:
        DataError: the file is not a checkpoint. ConflictError: it was made from something else.
    """

    def __init__(
        self,
        modules: Mapping[str, Any],
        objective: Objective,
        checkpoint: Path,
        config: TrainingConfig,
        made_from: Mapping[str, Any],
    ) -> None:
        self.modules, self.objective, self.config = modules, objective, config
        self.checkpoint, self.made_from = checkpoint, dict(made_from)
        self.weights: list[Any] = [w for module in modules.values() for w in module.parameters()]
        self.device = self.weights[0].device
        self.optimizer = torch.optim.AdamW(
            self.weights,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
            fused=True,
            capturable=self.device.type == "cuda",
        )
        self.rate, self.error = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        self.mean = [weight.detach().clone() for weight in self.weights]
        self.numbers = {"step": 0, "images": 0, "used": 0.0, "error": math.nan}
        if state := load_checkpoint(checkpoint, self.made_from, self.device):
            self._restore(state)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate  # a tensor: a CUDA graph reads its value at every replay
            group["capturable"] = self.device.type == "cuda"  # a checkpoint may be of another device
        for weight in self.weights:
            weight.grad = torch.zeros_like(weight)

    def run(self, describe: Callable[[float], str]) -> Iterator[Step]:
        """Train until the budget is used, writing checkpoints at intervals and at the end.

        `describe` says what the mean error of late is. Raises DataError when that is not finite.
        """
        budget, numbers = self.config.budget, self.numbers
        seed = np.random.default_rng([self.config.seed, int(numbers["step"])])
        torch.manual_seed(int(seed.integers(2**31)))
        make_step: Callable[[], None] = self.train_step
        if self.device.type == "cuda" and budget.used(int(numbers["step"]), numbers["used"]) < 1:
            try:
                make_step = self._captured()
            except RuntimeError as error:
                yield self._progress(f"without a CUDA graph, so slower: {error}")
        saved = time.monotonic()
        while budget.used(int(numbers["step"]), numbers["used"]) < 1:
            start = time.monotonic()
            self._round(make_step)
            numbers["used"] += time.monotonic() - start
            if time.monotonic() - saved > self.config.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
            yield self._progress(f"{numbers['images']:.0f} images, {describe(numbers['error'])}")
        self.save()

    def train_step(self) -> None:
        """One step down the gradient of a new batch, its norm clipped to 1, at the present learning rate."""
        loss, error = self.objective()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)
        self.error += error.detach()

    def use_average(self) -> None:
        """Replace the weights by their averages over the training."""
        with torch.no_grad():
            for weight, mean in zip(self.weights, self.mean, strict=True):
                weight.copy_(mean)

    def save(self) -> None:
        """Write everything that a resumed training needs, atomically."""
        state = {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizer": self.optimizer.state_dict(),
            "mean": self.mean,
            "numbers": self.numbers,
            "made_from": self.made_from,
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        draft = self.checkpoint.with_suffix(".part")
        torch.save(state, draft)
        draft.replace(self.checkpoint)

    def _restore(self, state: Mapping[str, Any]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean, self.numbers = state["mean"], state["numbers"]

    def _progress(self, note: str) -> Step:
        done, total = self.config.budget.progress(int(self.numbers["step"]), self.numbers["used"])
        return Step(self.checkpoint.stem, done, total, note)

    def _round(self, make_step: Callable[[], None]) -> None:
        """A few steps at one learning rate; then the averaged weights and the numbers follow."""
        config, numbers = self.config, self.numbers
        step = int(numbers["step"])
        left = config.budget.steps - step if config.budget.steps else config.round_steps
        count = min(config.round_steps, left)
        used = config.budget.used(step, numbers["used"])
        rate = learning_rate(config.rate, step, used, warmup=config.warmup, plateau=config.plateau)
        self.rate.fill_(rate)
        self.error.zero_()
        for _ in range(count):
            make_step()
        decay = min(config.average, (1 + step) / (10 + step)) ** count
        torch._foreach_lerp_(self.mean, [weight.detach() for weight in self.weights], 1 - decay)
        error = self.error.item() / count  # waits for the device
        if not math.isfinite(error):
            raise DataError(
                f"the training of {self.checkpoint.stem} diverged at step {step}",
                hint=f"run it again: it goes on from {self.checkpoint.name}, or delete that to start anew",
            )
        late = 0.995**count
        numbers["error"] = error if step == 0 else late * numbers["error"] + (1 - late) * error
        numbers["step"] += count
        numbers["images"] += count * config.batch

    def _captured(self) -> Callable[[], None]:
        """`train_step` as a CUDA graph.

        Libraries choose their kernels in a few steps at learning rate 0 before.
        """
        self.rate.zero_()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARMUP_STEPS):
                self.train_step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.train_step()
        return graph.replay


def load_checkpoint(
    path: Path, made_from: Mapping[str, Any] | None = None, device: torch.device | str = "cpu"
) -> dict[str, Any] | None:
    """The saved state, or None when there is no file.

    Raises:
        DataError: the file is not a checkpoint. ConflictError: it was made from other than `made_from`.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
        found = state["made_from"]
    except Exception as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint="delete it to start the training again"
        ) from error
    for name, value in (made_from or {}).items():
        if found.get(name) != value:
            raise ConflictError(
                f"{path} was trained with {name} {found.get(name)}, now it is {value}",
                hint="delete it to start the training again, or go back to what it was trained with",
            )
    return state
