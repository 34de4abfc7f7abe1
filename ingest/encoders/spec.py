"""What an encoder is, before its weights are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


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


Features = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class RebuiltOnnx:
    """An ONNX model made from a published one, with what the published one says of the same pixels.

    `original` takes the encoder's own input (images, 3, size, size) and returns features (images, dim).
    """

    model: bytes
    original: Features


FP32, FP16, INT8 = "fp32", "fp16", "int8"
PRECISIONS = (FP32, FP16, INT8)


def variant_name(name: str, precision: str) -> str:
    """What the encoder `name` is called in `precision`. Raises InvalidInputError for an unknown one."""
    if precision not in PRECISIONS:
        raise InvalidInputError(
            f"there is no precision {precision!r}", hint=f"use one of {', '.join(PRECISIONS)}"
        )
    base, _ = split_name(name)
    return base if precision == FP32 else f"{base}@{precision}"


def split_name(name: str) -> tuple[str, str]:
    """(the fp32 encoder, precision) of a name: `vit-b16@int8` is ("vit-b16", "int8")."""
    base, at, precision = name.rpartition("@")
    return (base, precision) if at and precision in PRECISIONS else (name, FP32)
