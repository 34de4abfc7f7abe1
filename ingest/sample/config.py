"""Settings of sampling: scheduler, steps and guidance, with defaults for each kind of base generator."""

from dataclasses import dataclass

from ...store import InvalidInputError
from ..customize.config import defaults_for
from ..customize.settings import Settings
from ..world import WORLD_NAME

SCHEDULERS = ("ddim",)
"""The samplers there are."""


@dataclass(frozen=True)
class SampleConfig(Settings):
    """Settings that samples are drawn with.

    Attributes:
        steps: DDIM steps.
        guidance: classifier-free guidance; 1 or less is none, which halves the work.
        batch_size: samples drawn at once. Part of a sample's id: it decides the lowest bits of its pixels.
        scheduler: 'ddim'.
        resolution: pixels a side.

    Raises InvalidInputError for a setting that cannot work.
    """

    steps: int = 50
    guidance: float = 6.0
    batch_size: int = 4
    scheduler: str = "ddim"
    resolution: int = 512

    def __post_init__(self) -> None:
        self._require_counts("steps", "batch_size", "resolution")
        if not 0 <= self.guidance < float("inf"):
            raise InvalidInputError(f"guidance is {self.guidance}", hint="use a number from 0")
        self._require_choice("scheduler", SCHEDULERS)


def sample_defaults_for(base: str) -> SampleConfig:
    """Settings that work for `base`: `world`, or any Stable Diffusion (guidance as in Custom Diffusion).

    The resolution is that of `defaults_for`.
    """
    if base == WORLD_NAME:
        return SampleConfig(steps=14, guidance=3.0, batch_size=8, resolution=64)
    return SampleConfig(resolution=defaults_for(base).resolution)
