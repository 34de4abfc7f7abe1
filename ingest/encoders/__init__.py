"""The encoders: an explicit tuple of specs. Importing this loads neither torch nor any model."""

from __future__ import annotations

from functools import partial

from ...runtime import Preprocessing
from ...store.errors import NotFoundError
from . import clip, efficientnet, timm_models
from .export import MIN_COSINE, Parity, ensure_encoder, export_encoder
from .spec import EncoderSpec

_IMAGENET = Preprocessing(224, resize=248, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
_OPENAI = Preprocessing(
    224, resize=224, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
)

ENCODERS: tuple[EncoderSpec, ...] = (
    efficientnet.spec("efficientnet-lite0", size=224),
    EncoderSpec(
        "clip-vit-b16",
        dim=512,
        preprocessing=_OPENAI,
        source="open_clip ViT-B-16/openai, hub timm/vit_base_patch16_clip_224.openai",
        license="MIT",
        load=partial(clip.load, arch="ViT-B-16", tag="openai"),
    ),
    EncoderSpec(
        "clip-vit-b32",
        dim=512,
        preprocessing=_OPENAI,
        source="open_clip ViT-B-32/openai, hub timm/vit_base_patch32_clip_224.openai",
        license="MIT",
        load=partial(clip.load, arch="ViT-B-32", tag="openai"),
    ),
    EncoderSpec(
        "dino-vit-b16",
        dim=768,
        preprocessing=_IMAGENET,
        source="timm vit_base_patch16_224.dino, hub timm/vit_base_patch16_224.dino",
        license="Apache-2.0",
        load=partial(timm_models.load, model="vit_base_patch16_224.dino"),
    ),
)


def get_encoder(name: str) -> EncoderSpec:
    """The spec called `name`, or of `timm:NAME` or `open_clip:ARCH/TAG`.

    Raises NotFoundError that lists the known ones.
    """
    if name.startswith(timm_models.PREFIX):
        return timm_models.spec(name)
    if name.startswith(clip.PREFIX):
        return clip.spec(name)
    for spec in ENCODERS:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in ENCODERS)
    raise NotFoundError(f"there is no encoder {name!r}", hint=f"use {known}, timm:NAME or open_clip:ARCH/TAG")


__all__ = [
    "ENCODERS",
    "MIN_COSINE",
    "EncoderSpec",
    "Parity",
    "ensure_encoder",
    "export_encoder",
    "get_encoder",
]
