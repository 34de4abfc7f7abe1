"""Base generators in memory: a folder or a pipeline of diffusers to the class of its kind (`kinds/`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..diffusion import load_pipeline
from .kinds.flow import prepare_flux, prepare_sd3
from .kinds.loaded import LoadedGenerator, half_precision
from .kinds.sdxl import prepare_sdxl
from .kinds.stable_diffusion import prepare_stable_diffusion
from .layout import LAYOUTS, read_layout

_PREPARE: dict[str, Callable[[Any, str, torch.device], LoadedGenerator]] = {
    "sd": prepare_stable_diffusion,
    "sdxl": prepare_sdxl,
    "sd3": prepare_sd3,
    "flux": prepare_flux,
}


def load_generator(folder: Path, token: str, device: str = "cpu") -> LoadedGenerator:
    """Load a base from disk and prepare it, see `prepare_generator`."""
    is_half = read_layout(Path(folder)).network == "transformer" and device.startswith("cuda")
    dtype = half_precision() if is_half else torch.float32
    return prepare_generator(load_pipeline(folder, dtype), token, device)


def prepare_generator(pipeline: Any, token: str, device: str = "cpu") -> LoadedGenerator:
    """The parts of a pipeline, frozen; `token` is added to the vocabularies that V* can be learned in.

    Raises InvalidInputError when the base cannot be customized or has `token` in its vocabulary already.
    """
    layout = LAYOUTS.get(type(pipeline).__name__, LAYOUTS["StableDiffusionPipeline"])
    return _PREPARE[layout.kind](pipeline, token, torch.device(device))
