"""Drawing samples: text encoder, UNet, DDIM and VAE in one plain loop.

The same numbers as StableDiffusionPipeline's, without what it does besides. A batch always has the same
shape: short ones are filled up, texts are encoded one by one, every sample has a noise generator of its own.
Kernels choose their order of additions by shape, not by content, so on one machine a sample's bytes do not
depend on what else is drawn with it.
"""

import io
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ..customize.pipeline import Pipeline
from ..specs import TOKEN
from .config import SampleConfig


def draw(
    pipeline: Pipeline, prompts: Sequence[str], seeds: Sequence[int], config: SampleConfig
) -> list[bytes]:
    """PNG bytes for each prompt (`V*` is put in) and seed, with the weights that are in memory."""
    texts = [prompt.replace(TOKEN, pipeline.token) for prompt in prompts]
    with torch.inference_mode():
        states = {
            text: pipeline.encode_text(pipeline.tokenize([text])) for text in dict.fromkeys([*texts, ""])
        }
        images = []
        for start in range(0, len(texts), config.batch_size):
            batch = list(range(start, min(start + config.batch_size, len(texts))))
            filled = batch + [batch[-1]] * (config.batch_size - len(batch))
            conditions = torch.cat([states[texts[i]] for i in filled])
            noise = torch.cat([_noise(pipeline, seeds[i], config.resolution) for i in filled])
            images += _denoise(pipeline, conditions, states[""], noise, config)[: len(batch)]
    return [_png(pixels) for pixels in images]


def _noise(pipeline: Pipeline, seed: int, resolution: int) -> Tensor:
    """(1, channels, h, w) of the sample's own generator, on the CPU: the same on every device."""
    side = resolution // 2 ** (len(pipeline.vae.config.block_out_channels) - 1)
    shape = (1, pipeline.unet.config.in_channels, side, side)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _denoise(
    pipeline: Pipeline, conditions: Tensor, empty: Tensor, noise: Tensor, config: SampleConfig
) -> list[Tensor]:
    """(batch, length, hidden) conditions, (batch, channels, h, w) noise -> (side, side, 3) uint8 images."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler.from_config(pipeline.scheduler_config)
    scheduler.set_timesteps(config.steps, device=pipeline.device)
    guided = config.guidance > 1
    if guided:
        conditions = torch.cat([empty.expand_as(conditions), conditions])
    latents = noise.to(pipeline.device) * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        latents_in = torch.cat([latents, latents]) if guided else latents
        latents_in = scheduler.scale_model_input(latents_in, time).contiguous(
            memory_format=torch.channels_last
        )
        with pipeline.autocast():
            predicted = pipeline.unet(latents_in, time, conditions, return_dict=False)[0].float()
        if guided:
            without, with_text = predicted.chunk(2)
            predicted = without + config.guidance * (with_text - without)
        latents = scheduler.step(predicted, time, latents, return_dict=False)[0]
    latents = (latents / pipeline.vae.config.scaling_factor).contiguous(memory_format=torch.channels_last)
    pixels = (pipeline.vae.decode(latents, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)
    return list((pixels.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).cpu())


def _png(pixels: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(buffer, "PNG")
    return buffer.getvalue()
