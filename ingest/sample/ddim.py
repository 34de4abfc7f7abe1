"""Sampling: text encoders, network, scheduler and VAE in one loop, by the sampler of the kind of base.

The same numbers as diffusers' pipelines', and bytes that do not depend on the other samples of a call:
a batch always has the same shape (short ones are padded), texts are encoded one by one, and every sample has
a noise generator of its own. Kernels choose their order of additions by shape, not by content, so on one
machine a prompt, a seed and settings give the same bytes whatever is drawn with them.
"""

import io
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ..customize.kinds.loaded import LoadedGenerator, join
from ..specs import TOKEN
from .config import SampleConfig


def draw_samples(
    generator: LoadedGenerator, prompts: Sequence[str], seeds: Sequence[int], config: SampleConfig
) -> list[bytes]:
    """PNG bytes for each prompt and seed, with the weights in memory; `V*` becomes the placeholder."""
    texts = [prompt.replace(TOKEN, generator.placeholder) for prompt in prompts]
    with torch.inference_mode():
        states = {text: generator.conditions([text]) for text in dict.fromkeys(texts)}
        empty = generator.empty_conditions()
        images: list[Tensor] = []
        for start in range(0, len(texts), config.batch_size):
            batch = list(range(start, min(start + config.batch_size, len(texts))))
            padded = batch + [batch[-1]] * (config.batch_size - len(batch))
            conditions = join(*(states[texts[i]] for i in padded))
            noise = torch.cat([_initial_noise(generator, seeds[i], config.resolution) for i in padded])
            latents = generator.denoise(
                conditions, empty, noise, steps=config.steps, guidance=config.guidance
            )
            images += generator.decode(latents)[: len(batch)]
    return [_encode_png(image) for image in images]


def _initial_noise(generator: LoadedGenerator, seed: int, resolution: int) -> Tensor:
    """(1, channels, h, w) from a CPU generator of the sample's own: the same on every device."""
    shape = (1, *generator.noise_shape(resolution))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _encode_png(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.numpy()).save(buffer, "PNG")
    return buffer.getvalue()
