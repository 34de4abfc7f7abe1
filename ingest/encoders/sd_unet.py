"""Features of a diffusion UNet's mid-block, as `sd-unet` or `sd-unet:BASE` (arXiv:2306.09345, B.5).

The VAE encodes the image, noise is added for t = 100 of 1,000, and the UNet gets it with the caption. The
feature is the mean of the mid-block's activations. The network itself is `mid_block.MidBlock`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from ...runtime.tokens import CAPTION_TOKENS, TOKENIZER_FILE
from ...store.errors import InvalidInputError
from .silence import silence_loading
from .spec import EncoderSpec
from .weights import hub_folder, load_weights

if TYPE_CHECKING:
    import torch


NAME = "sd-unet"
PREFIX = "sd-unet:"
REPOSITORY = "CompVis/stable-diffusion-v1-4"
DIM, SIZE = 1280, 512

FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)


def spec(name: str = NAME) -> EncoderSpec:
    """`sd-unet` (Stable Diffusion 1.4, the paper's), or of `sd-unet:BASE`: a folder, a hub id, or `world`.

    Raises NotFoundError or InvalidInputError for a BASE that is none.
    """
    dim, size, folder = DIM, SIZE, None
    source, license_ = f"diffusers, hub {REPOSITORY}", "CreativeML Open RAIL-M"
    files = tuple(f"{REPOSITORY}/{file}" for file in FILES)
    if name.startswith(PREFIX):
        from ..customize.base import resolve_base
        from ..customize.layout import base_kind

        base = name.removeprefix(PREFIX)
        folder = resolve_base(base)
        if (kind := base_kind(folder)) != "sd":
            raise InvalidInputError(
                f"{name} is not of Stable Diffusion 1.x or 2.x, whose UNet these features are of, but {kind}",
                hint="name such a base, or `world`",
            )
        dim, size = shape_of(folder)
        source, license_, files = f"diffusers, {short_name(name)}", "see the publisher of the weights", ()
    return EncoderSpec(
        name=short_name(name),
        dim=dim,
        preprocessing=Preprocessing(size, resize=size),
        source=source,
        license=license_,
        load=partial(load, folder=folder, dim=dim, size=size),
        files=files,
        captions=True,
        extra_files=partial(tokenizer_file, folder=folder),
    )


def short_name(name: str) -> str:
    """The encoder's name in a store: `sd-unet:/models/My-SD` is `sd-unet:my-sd`."""
    base = name.removeprefix(PREFIX)
    return NAME if base == name else PREFIX + Path(base).name.lower()


def shape_of(folder: Path) -> tuple[int, int]:
    """Channels of the mid-block and side of the pictures in pixels, from a pipeline's small files."""
    unet, vae = (_config(folder / part / "config.json") for part in ("unet", "vae"))
    scale = 2 ** (len(vae["block_out_channels"]) - 1)
    return int(unet["block_out_channels"][-1]), int(unet["sample_size"]) * scale


def load(
    weights: Path | None = None, *, folder: Path | None = None, dim: int = DIM, size: int = SIZE
) -> torch.nn.Module:
    """The network, from the diffusers folder `weights` (or its model_index.json), `folder` or the hub."""
    found = _folder(weights, folder)
    index = found / "model_index.json"
    if load_weights(NAME, index, lambda: shape_of(found))[0] != dim:
        raise InvalidInputError(
            f"the mid-block of {found.name} has {shape_of(found)[0]} channels, not {dim}",
            hint=f"name another base as {PREFIX}{found.name}",
        )
    from .mid_block import build

    return load_weights(NAME, index, lambda: build(found, size))


def tokenizer_file(weights: Path | None = None, *, folder: Path | None = None) -> Mapping[str, bytes]:
    """The pipeline's tokenizer as one file for the `tokenizers` library, which pads captions to 77 ids."""
    from transformers import AutoTokenizer

    found = _folder(weights, folder)
    index = found / "model_index.json"
    with silence_loading():
        tokenizer = load_weights(
            NAME, index, lambda: AutoTokenizer.from_pretrained(found, subfolder="tokenizer")
        )
    backend = tokenizer.backend_tokenizer
    # A text encoder that takes fewer tokens gets the first ones, and the end token must be among them.
    length = min(
        CAPTION_TOKENS, int(_config(found / "text_encoder" / "config.json")["max_position_embeddings"])
    )
    backend.enable_truncation(length)
    backend.enable_padding(
        length=CAPTION_TOKENS, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token
    )
    return {TOKENIZER_FILE: backend.to_str().encode()}


def _folder(weights: Path | None, folder: Path | None) -> Path:
    if weights is not None:
        return weights if weights.is_dir() else weights.parent
    return folder or hub_folder(NAME, REPOSITORY, FILES, "pass their folder with --weights FOLDER")


def _config(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
