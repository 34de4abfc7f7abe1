"""What an encoder is, before its weights are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ...runtime import Preprocessing

if TYPE_CHECKING:
    import torch

    from .onnx_cut import RebuiltOnnx

Network: TypeAlias = "torch.nn.Module | Path | RebuiltOnnx"


@dataclass(frozen=True)
class EncoderSpec:
    """A frozen F_base: image -> raw feature.

    `load` imports the heavy library, takes a weights file (None: its own default) and returns a module in
    evaluation mode (a TorchScript module will do), the path of an ONNX file, which is taken as it is, or an
    ONNX model rebuilt from a published one. The module maps (images, 3, size, size) float32 to raw features
    (images, dim); with `captions` it takes a second argument, tokens (images, 77) int64. A `dim` of 0 is
    whatever the user's file says.

    `files` names what to download where there is no network, for people to read. `beside` gives the small
    files that running needs next to the model, from the same weights: a tokenizer. They are stored and
    hashed with it.
    """

    name: str
    dim: int
    preprocessing: Preprocessing
    source: str
    license: str
    load: Callable[[Path | None], Network]
    files: tuple[str, ...] = ()
    captions: bool = False
    beside: Callable[[Path | None], Mapping[str, bytes]] | None = None

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.preprocessing.size
