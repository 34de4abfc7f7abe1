"""CLIP image towers of open_clip, as `open_clip:ARCH/TAG`; feature: the projected, unnormalised embedding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError, NotFoundError
from .clip_text import text_tower
from .silence import silence_conversion
from .spec import EncoderSpec, TextTower
from .torchscript import is_torchscript, load_torchscript
from .weights import fill, hub_file, load_weights, without_prefix

if TYPE_CHECKING:
    import torch

PREFIX = "open_clip:"
FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
METADATA = ("input_resolution", "context_length", "vocab_size")
"""What OpenAI's files hold beside weights."""

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # OpenAI's


def named(name: str, arch: str, hub: str) -> EncoderSpec:
    """A CLIP of OpenAI's under a name of its own, written out so that reading it imports no open_clip."""
    return EncoderSpec(
        name=name,
        dim=512,
        preprocessing=Preprocessing(224, resize=224, mean=MEAN, std=STD),
        source=f"open_clip {arch}/openai, hub {hub}",
        license="MIT",
        load=partial(load, arch=arch, tag="openai"),
        load_text=partial(load_text, arch=arch, tag="openai"),
        files=(f"{hub}/{FILES[0]}",),
    )


def load(weights: Path | None = None, *, arch: str, tag: str) -> torch.nn.Module:
    """The image tower of `arch` as trained for `tag`, from `weights` or from the hub.

    OpenAI's own files are TorchScript: only their weights are read, into open_clip's network.
    """
    tower: torch.nn.Module = _load(weights, arch, tag, _image_tower)
    return tower.eval()


def load_text(weights: Path | None = None, *, arch: str, tag: str) -> TextTower | None:
    """The text tower of the same file; None where its tokenizer is not at hand, or the file has none."""
    model = _load(weights, arch, tag, _model)
    return None if model is None else text_tower(model.eval(), arch, weights)


def _load(weights: Path | None, arch: str, tag: str, read: Callable[[str, Path, dict[str, Any]], Any]) -> Any:
    import open_clip

    config = open_clip.get_pretrained_cfg(arch, tag)
    name = f"open_clip {arch}/{tag}"
    path = weights
    if path is None:
        repository = str(config.get("hf_hub", "")).rstrip("/")
        if repository.count("/") != 1:
            raise InvalidInputError(f"{name} is not on the hub", hint="pass its weights with --weights FILE")
        path = hub_file(name, repository, FILES)
    # Given a file, open_clip ignores the tag, and with it the activation that it was trained with.
    how = {"force_quick_gelu": bool(config.get("quick_gelu", False))}
    return load_weights(name, path, lambda: read(arch, path, how))


def _image_tower(arch: str, path: Path, how: dict[str, Any]) -> Any:
    import open_clip

    with silence_conversion():  # it logs each step on the root logger
        if not is_torchscript(path):
            return open_clip.create_model(arch, pretrained=str(path), **how).visual
        tower = open_clip.create_model(arch, pretrained=None, pretrained_hf=False, **how).visual
    state = without_prefix(load_torchscript(path).state_dict(), "visual.")
    fill(tower, {name: value.float() for name, value in state.items()})
    return tower


def _model(arch: str, path: Path, how: dict[str, Any]) -> Any:
    """The whole model; None of a TorchScript file that holds the image tower alone."""
    import open_clip

    with silence_conversion():
        if not is_torchscript(path):
            return open_clip.create_model(arch, pretrained=str(path), **how)
        model = open_clip.create_model(arch, pretrained=None, pretrained_hf=False, **how)
    state = {name: value.float() for name, value in load_torchscript(path).state_dict().items()}
    if "token_embedding.weight" not in state:
        return None
    fill(model, {name: value for name, value in state.items() if name not in METADATA})
    return model


def spec(name: str) -> EncoderSpec:
    """The spec of `open_clip:ARCH/TAG`, from open_clip's own description. Downloads nothing."""
    import open_clip

    arch, _, tag = name.removeprefix(PREFIX).partition("/")
    model, weights = open_clip.get_model_config(arch), open_clip.get_pretrained_cfg(arch, tag)
    if model is None or not weights:
        known = open_clip.list_pretrained_tags_by_model(arch) if model else open_clip.list_models()
        raise NotFoundError(
            f"open_clip has no {arch}/{tag}",
            hint=f"use open_clip:ARCH/TAG; known: {', '.join(known[:12])}, ...",
        )
    size = int(model["vision_cfg"]["image_size"])
    hub = str(weights.get("hf_hub", "")).rstrip("/")
    return EncoderSpec(
        name=name,
        dim=int(model["embed_dim"]),
        preprocessing=Preprocessing(
            size,
            resize=None if weights.get("resize_mode") == "squash" else size,
            interpolation=weights.get("interpolation", "bicubic"),
            mean=tuple(weights["mean"]),
            std=tuple(weights["std"]),
        ),
        source=f"open_clip {arch}/{tag}, hub {hub}",
        license="see the publisher of the weights",
        load=partial(load, arch=arch, tag=tag),
        load_text=partial(load_text, arch=arch, tag=tag),
        files=(f"{hub}/{FILES[0]}",) if hub.count("/") == 1 else (),
    )
