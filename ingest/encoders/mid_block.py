"""From pixels and a caption's tokens to the middle of a diffusion UNet, as one network that ONNX can hold."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

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
