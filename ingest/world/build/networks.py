"""The networks, in Stable Diffusion's architecture at a small size: 64 px images, 8 x 8 x 16 latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .rasterise import SIZE

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

VAE_FACTOR, LATENT_CHANNELS = 8, 16
"""Images of `size` pixels become latents of LATENT_CHANNELS x (size / VAE_FACTOR) x (size / VAE_FACTOR)."""


@dataclass(frozen=True)
class NetworkSize:
    """How large the networks are.

    Attributes:
        pixels: side of the images, a multiple of 16.
        width: multiplies the channels of all layers; the packaged weights have 1.
    """

    pixels: int = SIZE
    width: int = 1


def new_vae(size: NetworkSize) -> Any:
    """AutoencoderKL, 2.3M parameters at width 1: (n, 3, 64, 64) in [-1, 1] to (n, 16, 8, 8)."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=tuple(channels * size.width for channels in (32, 64, 96, 96)),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=16,
        mid_block_add_attention=False,
        sample_size=size.pixels,
    )


def new_unet(size: NetworkSize) -> Any:
    """UNet2DConditionModel, 4.3M parameters at width 1, cross-attention at 8 x 8 and 4 x 4."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=size.pixels // VAE_FACTOR,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        block_out_channels=(64 * size.width, 128 * size.width),
        layers_per_block=1,
        cross_attention_dim=128 * size.width,
        attention_head_dim=(2 * size.width, 4 * size.width),  # diffusers' name for the number of heads
        norm_num_groups=16,
        use_linear_projection=True,
    )


def new_text_encoder(tokenizer: CLIPTokenizer, size: NetworkSize) -> Any:
    """CLIPTextModel, 0.6M parameters at width 1, two layers, trained together with the UNet."""
    from transformers import CLIPTextConfig, CLIPTextModel

    context = 128 * size.width
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=context,
            intermediate_size=2 * context,
            num_hidden_layers=2,
            num_attention_heads=4 * size.width,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=context,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_scheduler() -> Any:
    """DDIM for v-prediction with zero terminal SNR (arXiv:2305.08891), trailing steps."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


class Float32Attention:
    """A diffusers attention processor for (batch, tokens, dim) that computes attention in float32.

    On CPUs, scaled dot product attention is slow in bfloat16. No masks, groups or residuals.
    """

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Attend from `hidden_states` to `encoder_hidden_states`, or to itself."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            part.view(len(part), part.shape[1], attn.heads, -1).transpose(1, 2).float()
            for part in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        with torch.autocast(hidden_states.device.type, enabled=False):
            mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
        return projected


def half_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on GPUs and on CPUs that multiply it natively; nothing on others."""
    fast = device.type == "cuda" or bfloat16_is_fast()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast, cache_enabled=False)


def bfloat16_is_fast() -> bool:
    """Whether this CPU multiplies bfloat16 natively."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
