"""SSCD (arXiv:2202.10261): a ResNet-50 trained to find copies; feature: its unit-length descriptor of 512.

Published as TorchScript, and as a state dict of torchvision's ResNet-50 with generalized-mean pooling; both
can be loaded. The publisher recommends 288 pixels (shorter side) or 320 x 320 (stretched); AbC crops 288.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from .spec import EncoderSpec
from .torchscript import feature_width, is_torchscript, load_torchscript
from .weights import fill, load_weights, read_checkpoint, url_file

if TYPE_CHECKING:
    import torch

DIM = 512
URL = "https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt"
OTHER = "https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchvision.pt"
POWER = 3.0  # of the generalized mean
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def spec(name: str, size: int, resize: int | None) -> EncoderSpec:
    """`sscd_disc_mixup`, which the publisher recommends, on `size` pixels (`resize` as in Preprocessing)."""
    return EncoderSpec(
        name=name,
        dim=DIM,
        preprocessing=Preprocessing(size, resize=resize, interpolation="bilinear", mean=MEAN, std=STD),
        source="facebookresearch/sscd-copy-detection, sscd_disc_mixup.torchscript.pt",
        license="MIT",
        load=partial(load, name=name, size=size),
        files=(URL,),
    )


def load(
    weights: Path | None = None, *, name: str = "sscd", size: int = 288, dim: int = DIM
) -> torch.nn.Module:
    """The network, from either published file in `weights` or downloaded."""
    path = weights or url_file(name, URL)
    return load_weights(name, path, lambda: _read(path, size, dim))


def _read(path: Path, size: int, dim: int) -> torch.nn.Module:
    if not is_torchscript(path):
        module = build(dim)
        fill(module, read_checkpoint(path))
        return module
    network = load_torchscript(path)
    found = feature_width(network, size)
    if found != dim:
        raise ValueError(f"its descriptor has {found} dimensions, not {dim}")
    return network


def build(dim: int = DIM, blocks: Sequence[int] = (3, 4, 6, 3), **overrides: Any) -> torch.nn.Module:
    """The architecture with random weights, named as published; overrides as `width_per_group`."""
    import torch
    from torchvision.models.resnet import Bottleneck, ResNet

    class GeneralizedMean(torch.nn.Module):
        """(images, channels, height, width), not negative, to (images, channels): cubic mean."""

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            return maps.flatten(2).clamp(min=1e-6).pow(POWER).mean(2).pow(1 / POWER)

    class Descriptor(torch.nn.Module):
        """(images, 3, height, width) to unit vectors (images, dim)."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone = ResNet(Bottleneck, list(blocks), num_classes=dim, **overrides)
            self.backbone.avgpool = GeneralizedMean()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(self.backbone(images))

    return Descriptor().eval()
