"""Settings of sampling: scheduler, steps and guidance, with defaults for each kind of base generator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...store import InvalidInputError
from ..customize.base import find_local
from ..customize.layout import base_kind, native_resolution
from ..customize.settings import Settings
from ..world import WORLD_NAME

SCHEDULERS = ("ddim", "flow-euler")
"""The samplers there are: the second for Stable Diffusion 3 and Flux, the first for all other bases."""


@dataclass(frozen=True)
class SampleConfig(Settings):
    """Settings that samples are drawn with.

    Attributes:
        steps: of the sampler.
        guidance: classifier-free guidance; 1 or less is none, which halves the work.
        batch_size: samples drawn at once. Part of a sample's id: it decides the lowest bits of its pixels.
        scheduler: 'ddim' or 'flow-euler', as the kind of base needs.
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


_BY_KIND: Mapping[str, Mapping[str, Any]] = {
    "sdxl": {"guidance": 5.0},
    "sd3": {"steps": 28, "guidance": 7.0, "scheduler": "flow-euler"},
    "flux": {"steps": 28, "guidance": 3.5, "scheduler": "flow-euler"},
}


def check_sampler(config: SampleConfig, kind: str) -> None:
    """Raise InvalidInputError where the scheduler of the settings does not sample a base of this kind."""
    needed = _BY_KIND.get(kind, {}).get("scheduler", SCHEDULERS[0])
    if config.scheduler != needed:
        raise InvalidInputError(
            f"the scheduler {config.scheduler} does not sample a base of the kind {kind}",
            hint=f"use {needed}",
        )


def sample_defaults_for(base: str) -> SampleConfig:
    """Settings that work for `base`: `world`, or a base of any kind.

    Guidance of Stable Diffusion 1.x and 2.x is as in Custom Diffusion, of others as in diffusers' pipelines.
    """
    if base == WORLD_NAME:
        return SampleConfig(steps=14, guidance=3.0, batch_size=8, resolution=64)
    folder = find_local(base)
    if folder is None or not (folder / "model_index.json").is_file():
        return SampleConfig()
    return SampleConfig(resolution=native_resolution(folder), **_BY_KIND.get(base_kind(folder), {}))
