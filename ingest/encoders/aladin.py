"""ALADIN (arXiv:2103.09776), the style encoder that AbC compares with. Its weights were never published.

Whoever has them brings a TorchScript or an ONNX file; nothing here can tell whether it is the real one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError
from .onnx_file import shapes
from .spec import EncoderSpec, Network
from .torchscript import feature_width, load_torchscript
from .weights import load_checked

if TYPE_CHECKING:
    import torch

NAME = "aladin"
SIZE = 256
FILE = "a TorchScript (.pt) or ONNX (.onnx) file of ALADIN, from its authors"


def spec() -> EncoderSpec:
    """ALADIN from a file of the user's. Its width is the file's; the input is assumed, flags change it."""
    return EncoderSpec(
        name=NAME,
        dim=0,
        preprocessing=Preprocessing(
            SIZE, resize=SIZE, interpolation="bilinear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
        ),
        source="arXiv:2103.09776; the weights were never published",
        license="see the authors",
        load=load,
        files=(FILE,),
    )


def load(weights: Path | None = None) -> Network:
    """The network in `weights`: a TorchScript module, or the path of an ONNX file as it is.

    Raises InvalidInputError without `weights`, and for a file that is neither or no image encoder.
    """
    if weights is None:
        raise InvalidInputError(
            f"the weights of {NAME} were never published, so they cannot be downloaded",
            hint=f"ask its authors, and pass {FILE} with --weights FILE",
        )
    if weights.suffix == ".onnx":
        shapes(weights)
        return weights
    return load_checked(NAME, weights, lambda: _torchscript(weights))


def _torchscript(path: Path) -> torch.nn.Module:
    network = load_torchscript(path)
    feature_width(network, SIZE)
    return network
