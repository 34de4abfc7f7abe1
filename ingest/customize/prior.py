"""DreamBooth's prior (arXiv:2208.12242): what the base draws of a category, for a model not to forget it."""

from typing import Any

import torch
from torch import Tensor

from ..specs import TOKEN, ModelSpec
from .kinds.loaded import LoadedGenerator, join, select

BATCH = 4
"""Pictures drawn at once."""


def prior_texts(spec: ModelSpec) -> list[str]:
    """The training prompts of a model without V*, each once."""
    return list(dict.fromkeys(" ".join(text.replace(TOKEN, " ").split()) for text in spec.training_prompts))


@torch.no_grad()
def draw_prior(generator: LoadedGenerator, spec: ModelSpec, config: Any) -> tuple[Tensor, list[str]] | None:
    """(images, channels, h, w) latents of `prior_images` pictures, the texts taking turns, and these texts.

    They are drawn once for all models of a process with the same texts, with the seeds 0, 1, 2 ... None where
    the settings have no prior.
    """
    count = getattr(config, "prior_images", 0)
    if not count:
        return None
    texts = prior_texts(spec)
    key = ("prior", tuple(texts), count, config.prior_steps, config.prior_guidance, config.resolution)
    if key not in generator.cache:
        generator.cache[key] = _draw(generator, texts, count, config)
    return generator.cache[key], texts


def _draw(generator: LoadedGenerator, texts: list[str], count: int, config: Any) -> Tensor:
    states = join(*(generator.conditions([text]) for text in texts))
    empty, shape = generator.empty_conditions(), generator.noise_shape(config.resolution)
    parts = []
    for start in range(0, count, BATCH):
        seeds = range(start, start + BATCH)  # always whole batches: their shape decides the lowest bits
        noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(i)) for i in seeds])
        chosen = select(states, torch.tensor([i % len(texts) for i in seeds]))
        options = {"steps": config.prior_steps, "guidance": config.prior_guidance}
        parts.append(generator.denoise(chosen, empty, noise, **options).cpu())
    return torch.cat(parts)[:count].contiguous()
