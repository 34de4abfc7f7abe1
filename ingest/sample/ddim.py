"""Sampling with DDIM: text encoder, UNet, scheduler and VAE in one loop.

The same numbers as StableDiffusionPipeline's, and bytes that do not depend on the other samples of a call:
a batch always has the same shape (short ones are padded), texts are encoded one by one, and every sample has
a noise generator of its own. Kernels choose their order of additions by shape, not by content, so on one
machine a prompt, a seed and settings give the same bytes whatever is drawn with them.
"""

import io
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ..customize.generator import LoadedGenerator
from ..diffusion import CHANNELS_LAST, decode_latents
from ..specs import TOKEN
from .config import SampleConfig


def draw_samples(
    generator: LoadedGenerator, prompts: Sequence[str], seeds: Sequence[int], config: SampleConfig
) -> list[bytes]:
    """PNG bytes for each prompt and seed, with the weights in memory; `V*` becomes the placeholder."""
    texts = [prompt.replace(TOKEN, generator.placeholder) for prompt in prompts]
    with torch.inference_mode():
        states = {
            text: generator.encode_text(generator.tokenize([text])) for text in dict.fromkeys([*texts, ""])
        }
        images: list[Tensor] = []
        for start in range(0, len(texts), config.batch_size):
            batch = list(range(start, min(start + config.batch_size, len(texts))))
            padded = batch + [batch[-1]] * (config.batch_size - len(batch))
            conditions = torch.cat([states[texts[i]] for i in padded])
            noise = torch.cat([_initial_noise(generator, seeds[i], config.resolution) for i in padded])
            images += _denoise(generator, conditions, states[""], noise, config)[: len(batch)]
    return [_encode_png(image) for image in images]


def _initial_noise(generator: LoadedGenerator, seed: int, resolution: int) -> Tensor:
    """(1, channels, h, w) from a CPU generator of the sample's own: the same on every device."""
    side = resolution // 2 ** (len(generator.vae.config.block_out_channels) - 1)
    shape = (1, generator.unet.config.in_channels, side, side)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _denoise(
    generator: LoadedGenerator, conditions: Tensor, empty: Tensor, noise: Tensor, config: SampleConfig
) -> Tensor:
    """(n, length, hidden) text states and (n, channels, h, w) noise to (n, side, side, 3) uint8 images.

    `empty`: (1, length, hidden) states of the empty text, for classifier-free guidance.
    """
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler.from_config(generator.scheduler_config)
    scheduler.set_timesteps(config.steps, device=generator.device)
    guided = config.guidance > 1
    if guided:
        conditions = torch.cat([empty.expand_as(conditions), conditions])
    latents = noise.to(generator.device) * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        inputs = torch.cat([latents, latents]) if guided else latents
        inputs = scheduler.scale_model_input(inputs, time).contiguous(memory_format=CHANNELS_LAST)
        with generator.autocast():
            predicted = generator.unet(inputs, time, conditions, return_dict=False)[0].float()
        if guided:
            without, with_text = predicted.chunk(2)
            predicted = without + config.guidance * (with_text - without)
        latents = scheduler.step(predicted, time, latents, return_dict=False)[0]
    return decode_latents(generator.vae, latents)


def _encode_png(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.numpy()).save(buffer, "PNG")
    return buffer.getvalue()
