"""The registry of encoders: a tuple of specs, and families of them by prefix. Loads no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...store.errors import InvalidInputError, NotFoundError
from . import aladin, clip, efficientnet, moco, packaged, pixels, sd_unet, sscd, timm_models, user_onnx
from .spec import EncoderSpec
from .timm_models import HALF, IMAGENET

ENCODERS: tuple[EncoderSpec, ...] = (
    efficientnet.spec("efficientnet-lite0", size=224),
    efficientnet.spec("efficientnet-lite2", size=260, architecture=efficientnet.LITE2),
    packaged.open_nsfw(),
    packaged.magenta_style(),
    clip.named("clip-vit-b16", "ViT-B-16", "timm/vit_base_patch16_clip_224.openai"),
    clip.named("clip-vit-b32", "ViT-B-32", "timm/vit_base_patch32_clip_224.openai"),
    timm_models.named("dino-vit-b16", "vit_base_patch16_224.dino", 224, 248, IMAGENET),
    moco.spec(),
    timm_models.named("vit-b16", "vit_base_patch16_224.augreg_in21k_ft_in1k", 224, 248, HALF),
    timm_models.named("vit-b16-384", "vit_base_patch16_384.augreg_in21k_ft_in1k", 384, 384, HALF),
    sscd.spec("sscd", 288, resize=288),
    sscd.spec("sscd-320", 320, resize=None),
    aladin.spec(),
    sd_unet.spec(),
    timm_models.named("dinov2-vit-b14", "vit_base_patch14_dinov2.lvd142m", 518, 518, IMAGENET),
    # DINOv2's own evaluation: a sixth of the patches.
    timm_models.named(
        "dinov2-vit-b14-224", "vit_base_patch14_dinov2.lvd142m", 224, 256, IMAGENET, resized=True
    ),
    timm_models.named("siglip-vit-b16", "vit_base_patch16_siglip_224.webli", 224, 248, HALF),
    pixels.thumbnail(),
    pixels.colour_histogram(),
)
"""Every encoder that has a name of its own."""

FAMILIES = ("timm:NAME", "open_clip:ARCH/TAG", "onnx:FILE", "sd-unet:BASE")
"""Names that stand for many encoders each; `get_encoder` takes any name of these forms."""


def get_encoder(name: str, changes: Mapping[str, Any] | None = None) -> EncoderSpec:
    """The spec called `name`, or of one of `FAMILIES`.

    `changes` replace parts of its preprocessing: resize, interpolation, mean, std and, where the network
    takes any, size.

    Raises:
        NotFoundError: there is no such encoder; the hint lists the known ones.
        InvalidInputError: the changes do not fit the encoder.
    """
    if name.startswith(user_onnx.PREFIX):
        return user_onnx.spec(name, changes)
    if name == aladin.NAME and changes:
        return aladin.spec(changes)
    spec = _find(name)
    if not changes:
        return spec
    if changes.get("size", spec.size) != spec.size:
        raise InvalidInputError(f"{name} is built for {spec.size} pixels", hint="leave --size out")
    return replace(spec, preprocessing=replace(spec.preprocessing, **changes))


def encoder_name(name: str) -> str:
    """The name of `name` in a store: of a file or a folder only its own name counts, not its path."""
    if name.startswith(user_onnx.PREFIX):
        return user_onnx.short_name(name)
    return sd_unet.short_name(name) if name.startswith(sd_unet.PREFIX) else name


def _find(name: str) -> EncoderSpec:
    for prefix, make in (
        (timm_models.PREFIX, timm_models.spec),
        (clip.PREFIX, clip.spec),
        (sd_unet.PREFIX, sd_unet.spec),
    ):
        if name.startswith(prefix):
            return make(name)
    for spec in ENCODERS:
        if spec.name == name:
            return spec
    known = ", ".join((*(spec.name for spec in ENCODERS), *FAMILIES))
    raise NotFoundError(f"there is no encoder {name!r}", hint=f"use one of {known}")
