"""Base generators in memory: a folder or a pipeline of diffusers to the class of its kind (`kinds/`)."""

from pathlib import Path
from typing import Any

import torch

from ..diffusion import load_pipeline
from .kinds.loaded import LoadedGenerator
from .kinds.sdxl import prepare_sdxl
from .kinds.stable_diffusion import prepare_stable_diffusion
from .layout import LAYOUTS

_PREPARE = {"sd": prepare_stable_diffusion, "sdxl": prepare_sdxl}


def load_generator(folder: Path, token: str, device: str = "cpu") -> LoadedGenerator:
    """Load a base from disk and prepare it, see `prepare_generator`."""
    return prepare_generator(load_pipeline(folder), token, device)


def prepare_generator(pipeline: Any, token: str, device: str = "cpu") -> LoadedGenerator:
    """The parts of a pipeline, frozen; `token` is added to the vocabularies that V* can be learned in.

    Raises InvalidInputError when the base cannot be customized or has `token` in its vocabulary already.
    """
    layout = LAYOUTS.get(type(pipeline).__name__, LAYOUTS["StableDiffusionPipeline"])
    return _PREPARE[layout.kind](pipeline, token, torch.device(device))
