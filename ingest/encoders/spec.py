"""The description of an encoder: its name, input, weights and precision, without loading them."""

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
class TextTower:
    """The text side of an encoder: features of texts that compare by cosine with its features of images.

    `module` maps tokens (texts, length) int64 to raw features (texts, dim). `tokenizer` is a file of the
    `tokenizers` library that makes exactly `length` ids of every text.
    """

    module: torch.nn.Module
    tokenizer: bytes
    length: int


@dataclass(frozen=True)
class EncoderSpec:
    """A frozen F_base: image -> raw feature.

    `load` imports the heavy library, takes a weights file (None: the published one) and returns a module in
    evaluation mode (or a TorchScript module), the path of an ONNX file, which is stored as it is, or an ONNX
    model rebuilt from a published one. The module maps (images, 3, size, size) float32 to raw features
    (images, dim); with `captions` it has a second argument, tokens (images, 77) int64. `dim` 0: that of the
    user's file.

    `files` names the published weights, for users without a network. `extra_files` takes the weights file too
    and returns small files that inference needs beside the model, as a tokenizer; they are stored with it.
    `load_text` takes it as well and returns the text tower; None where its tokenizer is not at hand.
    """

    name: str
    dim: int
    preprocessing: Preprocessing
    source: str
    license: str
    load: Callable[[Path | None], Network]
    files: tuple[str, ...] = ()
    captions: bool = False
    extra_files: Callable[[Path | None], Mapping[str, bytes]] | None = None
    load_text: Callable[[Path | None], TextTower | None] | None = None

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.preprocessing.size


Features = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class RebuiltOnnx:
    """An ONNX model made from a published one, with the published one's features of the same pixels.

    `original` takes (images, 3, size, size) and returns features (images, dim).
    """

    model: bytes
    original: Features


FP32, FP16, INT8 = "fp32", "fp16", "int8"
PRECISIONS = (FP32, FP16, INT8)


def variant_name(name: str, precision: str) -> str:
    """The name of the encoder `name` in `precision`. Raises InvalidInputError for an unknown precision."""
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
