"""VAE encoder, text encoder and UNet down to its mid-block, as one network that can be exported to ONNX.

The noise is the same for every image, so that two features differ by image and caption alone. Importing this
loads torch: `sd_unet` does it when a network is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .silence import silence_loading

TIME = 0.1  # t = 100 of 1,000
SEED = 0


class MidBlock(torch.nn.Module):
    """Pixels (images, 3, size, size) and tokens (images, 77) to averaged activations (images, dim).

    The noise and the time step are constant, so the noise and the step's embedding are weights.

    Source: arXiv:2306.09345, B.5.
    """

    noise: Tensor
    time: Tensor

    def __init__(self, unet: Any, vae: Any, text_encoder: Any, alphas: Tensor, size: int) -> None:
        """Take the parts of a pipeline; `alphas`: its scheduler's cumulative products (steps,)."""
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
        """Features (images, dim)."""
        words = self.text_encoder(tokens[:, : self.words]).last_hidden_state
        hidden = self.conv_in(self.signal * self.latents(images) + self.noise)
        time = self.time.expand(images.shape[0], -1)  # `len` would fix the batch
        for block in self.down:
            hidden, _ = block(hidden_states=hidden, temb=time, **_caption_arguments(block, words))
        pooled: Tensor = self.mid(hidden, time, **_caption_arguments(self.mid, words)).mean((2, 3))
        return pooled

    def latents(self, images: Tensor) -> Tensor:
        """The mean of the VAE's distribution, scaled to what the UNet was trained on."""
        found = self.encoder(images)
        mean: Tensor = (found if self.quant is None else self.quant(found)).chunk(2, dim=1)[0]
        return (mean - self.shift) * self.factor


def _caption_arguments(block: Any, words: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": words} if getattr(block, "has_cross_attention", False) else {}


def build(folder: Path, size: int) -> torch.nn.Module:
    """The network of the diffusers pipeline in `folder`, for pictures of `size` pixels."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel

    with silence_loading():
        network = MidBlock(
            unet=_complete(UNet2DConditionModel, folder, "unet"),
            vae=_complete(AutoencoderKL, folder, "vae"),
            text_encoder=_complete(CLIPTextModel, folder, "text_encoder"),
            alphas=DDPMScheduler.from_pretrained(folder, subfolder="scheduler").alphas_cumprod,
            size=size,
        )
    return network.eval().requires_grad_(False)


def _complete(kind: Any, folder: Path, part: str) -> Any:
    """One part in float32. ValueError for a missing tensor, which the libraries would leave random."""
    module, info = kind.from_pretrained(folder, subfolder=part, output_loading_info=True)
    missing = sorted(set(info["missing_keys"]) | {str(entry) for entry in info["mismatched_keys"]})
    if missing:
        raise ValueError(f"{part} lacks {missing[0]} and {len(missing) - 1} others")
    return module.float().eval()
