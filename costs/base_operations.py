"""A base generator measured: the operations of its training steps and samples, and how fast they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from ..store import InvalidInputError
from .cards import Card
from .estimate import STEP_IMAGES
from .unit_costs import UnitCost, stated_unit_costs


def measure_base(base: str, seconds: float, card: Card | None = None) -> Iterator[UnitCost]:
    """Operations of `base`, counted while it trains and samples; with a card, the share that they reach.

    Counts matrix products, convolutions and attention, forward and backward, as torch's FlopCounterMode.

    Raises InvalidInputError for a base that cannot be loaded, and for a card where torch has no GPU.
    """
    import torch

    if card is not None and not torch.cuda.is_available():
        raise InvalidInputError(
            f"there is no GPU here to measure as {card.name}", hint="leave out --gpu, or run it on the card"
        )
    run = _BaseRun(base, "cuda" if torch.cuda.is_available() else "cpu")
    counts = run.count()
    for name, value in counts.items():
        yield UnitCost(name, value, stated_unit_costs().costs[name].unit, f"counted: base {base}")
    if card is None:
        return
    steps = max(4, round(seconds / max(run.seconds_a_step(2), 1e-3)))
    reached = counts["train_step_flops"] / run.seconds_a_step(steps)
    share = reached / (card.half_tflops * 1e12)
    unit = stated_unit_costs().costs["gpu_share"].unit
    yield UnitCost("gpu_share", share, unit, f"measured: {steps} steps of base {base}, {card.name}")


METHOD = "custom-diffusion"
"""The method whose steps are counted: it trains K and V, as the paper does."""


class _BaseRun:
    """A loaded base with what it takes to train and to sample it."""

    def __init__(self, base: str, device: str) -> None:
        from ..ingest.customize import defaults_for
        from ..ingest.customize.base import resolve_base
        from ..ingest.customize.generator import load_generator
        from ..ingest.sample.config import sample_defaults_for

        self.config = defaults_for(base, METHOD).with_changes(batch_size=STEP_IMAGES)
        self.sampling = sample_defaults_for(base).with_changes(batch_size=1)
        self.generator: Any = load_generator(resolve_base(base), self.config.token or "", device)
        self.device = device

    def count(self) -> dict[str, float]:
        """The unit costs that are counts; steps by the difference of runs of more of them and of fewer."""
        import torch

        side = self.config.resolution
        pixels = torch.zeros(1, 3, side, side)
        latents = torch.zeros(1, *self.generator.noise_shape(self.sampling.resolution), device=self.device)
        with torch.no_grad():
            encode = self._operations(lambda: self.generator.encode(pixels))
            decode = self._operations(lambda: self.generator.decode(latents))
        step = (self._operations(lambda: self._train(3)) - self._operations(lambda: self._train(1))) / 2
        drawn = self._operations(lambda: self._sample(2)) - self._operations(lambda: self._sample(1))
        return {
            "train_step_flops": step,
            "vae_encode_flops": encode,
            "unet_forward_flops": drawn / 2,  # guidance runs the network twice a step
            "vae_decode_flops": decode,
        }

    def seconds_a_step(self, steps: int) -> float:
        """Of training, what a model pays once not counted."""
        return (self._seconds(steps + 1) - self._seconds(1)) / steps

    def _seconds(self, steps: int) -> float:
        import torch

        start = time.perf_counter()
        self._train(steps)
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def _operations(self, work: Callable[[], object]) -> float:
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            work()
        return float(counter.get_total_flops())

    def _train(self, steps: int) -> None:
        import numpy as np
        from PIL import Image

        from ..ingest.customize.train import train
        from ..ingest.specs import ModelSpec

        side = self.config.resolution
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        spec = ModelSpec("object", "cat", "cat", "object", "train", ("x",), ("V* cat",), (), METHOD, 0)
        train(self.generator, spec, [Image.fromarray(pixels)], self.config.with_changes(iterations=steps))

    def _sample(self, steps: int) -> None:
        from ..ingest.sample.ddim import draw_samples

        draw_samples(self.generator, ["a cat"], [0], self.sampling.with_changes(steps=steps))
