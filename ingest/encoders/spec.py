"""What an encoder is, before its weights are loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime import Preprocessing

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class EncoderSpec:
    """A frozen F_base: image -> raw feature.

    `load` imports the heavy library, takes a weights file (None: its own default) and returns a module
    in evaluation mode that maps (images, 3, size, size) float32 to raw features (images, dim).
    """

    name: str
    dim: int
    preprocessing: Preprocessing
    source: str
    license: str
    load: Callable[[Path | None], torch.nn.Module]

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.preprocessing.size
