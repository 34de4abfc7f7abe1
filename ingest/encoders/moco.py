"""MoCo v3's ViT-B/16 (arXiv:2104.02057), from the checkpoint as published; feature: the class token.

The file holds a whole training run: the encoder under `module.base_encoder.`, its momentum twin, a projector
and the optimizer. timm has no such model. Positions are fixed sines and cosines, never trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from .spec import EncoderSpec
from .weights import fill, load_weights, read_checkpoint, url_file, without_prefix

if TYPE_CHECKING:
    import torch

NAME = "mocov3-vit-b16"
URL = "https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar"
PREFIX = "module.base_encoder."
TEMPERATURE = 10_000.0

SPEC_PREPROCESSING = Preprocessing(
    224, resize=256, interpolation="bilinear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


def spec() -> EncoderSpec:
    """The published ViT-B/16 after 300 epochs; preprocessing as in the publisher's linear evaluation."""
    return EncoderSpec(
        name=NAME,
        dim=768,
        preprocessing=SPEC_PREPROCESSING,
        source="facebookresearch/moco-v3, vit-b-300ep.pth.tar",
        license="CC-BY-NC-4.0",
        load=load,
        files=(URL,),
    )


def load(weights: Path | None = None) -> torch.nn.Module:
    """The module, from the published checkpoint in `weights` or downloaded."""
    path = weights or url_file(NAME, URL)
    return load_weights(NAME, path, lambda: from_checkpoint(build(), read_checkpoint(path)))


def build(size: int = 224, width: int = 768, depth: int = 12, heads: int = 12) -> torch.nn.Module:
    """The architecture: timm's ViT without a head, with fixed positions. Other sizes are for tests."""
    from functools import partial

    import torch
    from timm.models.vision_transformer import VisionTransformer

    module: torch.nn.Module = VisionTransformer(
        img_size=size,
        patch_size=16,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        num_classes=0,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    module.pos_embed = torch.nn.Parameter(positions(size // 16, width), requires_grad=False)
    return module.eval()


def from_checkpoint(module: torch.nn.Module, checkpoint: Mapping[str, Any]) -> torch.nn.Module:
    """Fill `module` with the base encoder of a published checkpoint. Raises ValueError when it has none."""
    import torch

    state = without_prefix(checkpoint.get("state_dict", {}), PREFIX)
    if not state:
        raise ValueError(f"it has no state_dict with names under {PREFIX}")
    state = {name: value for name, value in state.items() if not name.startswith("head.")}
    fixed = module.state_dict()["pos_embed"]
    found = state.setdefault("pos_embed", fixed)
    if found.shape == fixed.shape and not torch.allclose(found.float(), fixed, atol=1e-4):
        raise ValueError("its positions are not MoCo v3's fixed sines and cosines")
    fill(module, state)
    return module


def positions(side: int, width: int) -> torch.Tensor:
    """Fixed positions (1, 1 + side * side, width): zeros for the class token, then row by row.

    A quarter of the width each: sin and cos of the row, sin and cos of the column, at width / 4 frequencies
    from 1 down to nearly 1 / 10,000. Source: arXiv:2104.02057 section 4.
    """
    import torch

    quarter = width // 4
    frequencies = TEMPERATURE ** -(torch.arange(quarter, dtype=torch.float32) / quarter)
    patch = torch.arange(side * side)
    rows = (patch // side)[:, None] * frequencies
    columns = (patch % side)[:, None] * frequencies
    waves = torch.cat([rows.sin(), rows.cos(), columns.sin(), columns.cos()], dim=1)
    return torch.cat([torch.zeros(1, width), waves])[None]
