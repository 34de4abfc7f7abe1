"""Stable Diffusion's own view of an image: its UNet's middle, as `sd-unet` or `sd-unet:BASE` (AbC, B.5).

The image is encoded by the VAE, noised to t = 100 of 1,000 and shown to the UNet with its caption; feature:
the activations of the mid-block, averaged over the picture. One network takes pixels and token ids: VAE
encoder, text encoder and the UNet down to its mid-block. The noise is the same for every image, so the same
image and caption always give the same feature, and two features differ by image and caption alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...runtime import Preprocessing
from ...runtime.tokens import FILE, TOKENS
from ...store.errors import InvalidInputError
from .quiet import quiet
from .spec import EncoderSpec
from .weights import hub_folder, load_checked

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

        base = name.removeprefix(PREFIX)
        folder = resolve_base(base)
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
        beside=partial(tokenizer_file, folder=folder),
    )


def short_name(name: str) -> str:
    """`sd-unet:/models/My-SD` to `sd-unet:my-sd`: how the store knows it."""
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
    if load_checked(NAME, index, lambda: shape_of(found))[0] != dim:
        raise InvalidInputError(
            f"the mid-block of {found.name} has {shape_of(found)[0]} channels, not {dim}",
            hint=f"name another base as {PREFIX}{found.name}",
        )
    return load_checked(NAME, index, lambda: build(found, size))


def build(folder: Path, size: int) -> torch.nn.Module:
    """The network of the diffusers pipeline in `folder`, for pictures of `size` pixels."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel

    with quiet():
        network = MidBlock(
            unet=_complete(UNet2DConditionModel, folder, "unet"),
            vae=_complete(AutoencoderKL, folder, "vae"),
            text_encoder=_complete(CLIPTextModel, folder, "text_encoder"),
            alphas=DDPMScheduler.from_pretrained(folder, subfolder="scheduler").alphas_cumprod,
            size=size,
        )
    return network.eval().requires_grad_(False)


def tokenizer_file(weights: Path | None = None, *, folder: Path | None = None) -> Mapping[str, bytes]:
    """The tokenizer of the same pipeline as one file that runs without transformers, always 77 ids long."""
    from transformers import AutoTokenizer

    found = _folder(weights, folder)
    index = found / "model_index.json"
    with quiet():
        tokenizer = load_checked(
            NAME, index, lambda: AutoTokenizer.from_pretrained(found, subfolder="tokenizer")
        )
    backend = tokenizer.backend_tokenizer
    # A text encoder that reads fewer tokens gets the first of them: the end token must be among those.
    length = min(TOKENS, int(_config(found / "text_encoder" / "config.json")["max_position_embeddings"]))
    backend.enable_truncation(length)
    backend.enable_padding(length=TOKENS, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    return {FILE: backend.to_str().encode()}


def _folder(weights: Path | None, folder: Path | None) -> Path:
    if weights is not None:
        return weights if weights.is_dir() else weights.parent
    return folder or hub_folder(NAME, REPOSITORY, FILES, "pass their folder with --weights FOLDER")


def _complete(kind: Any, folder: Path, part: str) -> Any:
    """One part in float32; both libraries would leave what a file does not hold at random."""
    module, told = kind.from_pretrained(folder, subfolder=part, output_loading_info=True)
    missing = sorted(set(told["missing_keys"]) | {str(entry) for entry in told["mismatched_keys"]})
    if missing:
        raise ValueError(f"{part} lacks {missing[0]} and {len(missing) - 1} others")
    return module.float().eval()


def _config(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


TIME = 0.1  # t = 100 of 1,000
SEED = 0


class MidBlock(torch.nn.Module):
    """(images, 3, size, size) and tokens (images, 77) to the mid-block's mean over places (images, channels).

    The noise and the time never change, so the noise and the time's embedding are weights. Source:
    arXiv:2306.09345, B.5.
    """

    noise: Tensor
    time: Tensor

    def __init__(self, unet: Any, vae: Any, text_encoder: Any, alphas: Tensor, size: int) -> None:
        """Take the parts of a pipeline; `alphas`: its scheduler's cumulative products, one a time step."""
        super().__init__()
        t = round(TIME * len(alphas))
        scale = 2 ** (len(vae.config.block_out_channels) - 1)
        shape = (1, int(vae.config.latent_channels), size // scale, size // scale)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
        with torch.no_grad():
            time = unet.time_embedding(unet.get_time_embed(sample=noise, timestep=torch.tensor([t])))
        self.register_buffer("noise", noise * (1 - alphas[t]).sqrt())
        self.register_buffer("time", time)
        self.signal = float(alphas[t].sqrt())
        self.factor, self.shift = float(vae.config.scaling_factor), float(vae.config.shift_factor or 0)
        self.words = int(text_encoder.config.max_position_embeddings)
        self.text_encoder = text_encoder
        self.encoder, self.quant = vae.encoder, vae.quant_conv
        self.conv_in, self.down, self.mid = unet.conv_in, unet.down_blocks, unet.mid_block

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Feature of each image with its caption."""
        words = self.text_encoder(tokens[:, : self.words]).last_hidden_state
        hidden = self.conv_in(self.signal * self.latents(images) + self.noise)
        time = self.time.expand(images.shape[0], -1)  # `len` would fix the batch
        for block in self.down:
            hidden, _ = block(hidden_states=hidden, temb=time, **_attending(block, words))
        pooled: Tensor = self.mid(hidden, time, **_attending(self.mid, words)).mean((2, 3))
        return pooled

    def latents(self, images: Tensor) -> Tensor:
        """The mean of what the VAE says, scaled as the UNet was trained on."""
        found = self.encoder(images)
        mean: Tensor = (found if self.quant is None else self.quant(found)).chunk(2, dim=1)[0]
        return (mean - self.shift) * self.factor


def _attending(block: Any, words: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": words} if getattr(block, "has_cross_attention", False) else {}
