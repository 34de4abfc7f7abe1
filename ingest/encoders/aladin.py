"""ALADIN (arXiv:2103.09776), the style encoder that AbC compares with. Its weights were never published.

The user passes a TorchScript or an ONNX file; nothing here can tell whether it is the real network.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError
from .spec import EncoderSpec, Network
from .torchscript import feature_width, load_torchscript
from .user_onnx import load_file, read_shapes
from .weights import load_weights

if TYPE_CHECKING:
    import torch

NAME = "aladin"
SIZE = 256
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILE = "a TorchScript (.pt) or ONNX (.onnx) file of ALADIN, from its authors"


def spec(changes: Mapping[str, Any] | None = None) -> EncoderSpec:
    """ALADIN from the user's file, which has its `dim`. `changes` correct the assumed preprocessing."""
    found: dict[str, Any] = {"size": SIZE, "interpolation": "bilinear", "mean": MEAN, "std": STD}
    found |= changes or {}
    preprocessing = Preprocessing(**{"resize": found["size"]} | found)
    return EncoderSpec(
        name=NAME,
        dim=0,
        preprocessing=preprocessing,
        source="arXiv:2103.09776; the weights were never published",
        license="see the authors",
        load=partial(load, size=preprocessing.size),
        files=(FILE,),
    )


def load(weights: Path | None = None, *, size: int = SIZE) -> Network:
    """The network in `weights`: a TorchScript module, or the path of an ONNX file as it is.

    Raises InvalidInputError without `weights`, for a file that is neither, and for another size or output.
    """
    if weights is None:
        raise InvalidInputError(
            f"the weights of {NAME} were never published, so they cannot be downloaded",
            hint=f"ask its authors, and pass {FILE} with --weights FILE",
        )
    if weights.suffix != ".onnx":
        return load_weights(NAME, weights, lambda: _torchscript(weights, size))
    takes, _ = read_shapes(weights)
    if takes.size not in (None, size):
        raise InvalidInputError(
            f"{weights.name} takes {takes.size} pixels, not {size}", hint=f"pass --size {takes.size}"
        )
    if takes.whole_numbers:
        raise InvalidInputError(
            f"{weights.name} takes uint8 pixels and normalises them itself",
            hint=f"embed with --encoder onnx:{weights.name}",
        )
    return load_file(weights)


def _torchscript(path: Path, size: int) -> torch.nn.Module:
    network = load_torchscript(path)
    feature_width(network, size)
    return network
