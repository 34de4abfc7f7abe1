"""Settings of sampling: schedulers, steps and guidance, with defaults for each kind of base."""

from dataclasses import dataclass, replace
from typing import Any

from ...store import InvalidInputError
from ..customize.config import WORLD

SCHEDULERS = ("ddim",)


@dataclass(frozen=True)
class SampleConfig:
    """How samples are drawn.

    Attributes:
        steps: DDIM steps.
        guidance: classifier-free guidance; 1 or less is none, which halves the work.
        batch_size: samples drawn at once. Part of a sample's id: it decides the lowest bits of its pixels.
        scheduler: 'ddim'.
        resolution: pixels a side.
    """

    steps: int = 50
    guidance: float = 6.0
    batch_size: int = 4
    scheduler: str = "ddim"
    resolution: int = 512

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "resolution"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is {getattr(self, name)}", hint="use 1 or more")
        if not 0 <= self.guidance < float("inf"):
            raise InvalidInputError(f"guidance is {self.guidance}", hint="use a number from 0")
        if self.scheduler not in SCHEDULERS:
            raise InvalidInputError(
                f"there is no scheduler {self.scheduler!r}", hint=f"use {', '.join(SCHEDULERS)}"
            )

    def with_changes(self, **changes: Any) -> "SampleConfig":
        """A copy with some settings changed."""
        return replace(self, **changes)


def sample_defaults_for(base: str) -> SampleConfig:
    """Settings that work for `base`: `world`, or any Stable Diffusion (guidance as in Custom Diffusion)."""
    if base == WORLD:
        return SampleConfig(steps=14, guidance=3.0, batch_size=8, resolution=32)
    return SampleConfig()
