"""Custom Diffusion (arXiv:2212.04488) on one model: the loop, and what it draws from.

Views are encoded once and prompts tokenised once; a step draws views, prompts, times and noise from one
seeded CPU generator, so the same seed gives the same weights on the same machine. The embedding of V* is a
parameter of its own, put into the text encoder's lookup by a hook: no other row has a gradient or decays.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ...store import InvalidInputError
from ..specs import TOKEN, ModelSpec
from .augment import View, make_views
from .config import CATEGORY, CustomizeConfig
from .pipeline import Pipeline

ENCODE_BATCH = 8


@dataclass(frozen=True)
class Material:
    """What steps draw from.

    Attributes:
        latents: (views, channels, h, w) scaled latents.
        masks: (views, 1, h, w), 1 where the loss counts.
        ids: (texts, length) token ids of every distinct prompt.
        text: (views, prompts) the row of `ids` for a view and a prompt.
        own_prompt: (views,) the prompt of a view's exemplar, or None when prompts are cycled.
    """

    latents: Tensor
    masks: Tensor
    ids: Tensor
    text: Tensor
    own_prompt: Tensor | None


def train(
    pipeline: Pipeline, spec: ModelSpec, images: Sequence[Image.Image], config: CustomizeConfig
) -> None:
    """Turn the base in memory into the model of `spec`; the caller resets it afterwards.

    As many training prompts as exemplars are paired with them; otherwise the prompts are cycled.
    """
    pipeline.reset()
    generator = torch.Generator().manual_seed(spec.seed)
    material = _material(pipeline, spec, images, config)
    vector = nn.Parameter(_first_embedding(pipeline, config.init_token, spec.category))
    for parameter in pipeline.kv.values():
        parameter.requires_grad_(True)
    try:
        with _token_vector(pipeline, vector):
            _optimise(pipeline, vector, material, config, generator)
    finally:
        for parameter in pipeline.kv.values():
            parameter.requires_grad_(False).grad = None
    pipeline.token_row.copy_(vector.detach())


def _optimise(
    pipeline: Pipeline,
    vector: nn.Parameter,
    material: Material,
    config: CustomizeConfig,
    generator: torch.Generator,
) -> None:
    noiser = _noiser(pipeline)
    groups: list[dict[str, Any]] = [
        {"params": list(pipeline.kv.values()), "lr": config.lr, "weight_decay": config.weight_decay},
        {"params": [vector], "lr": config.token_lr, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, fused=pipeline.device.type != "mps")
    rates = [group["lr"] for group in groups]
    scaler = torch.amp.GradScaler(pipeline.device.type, enabled=_is_fp16(pipeline))
    for step in range(config.iterations):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / (config.warmup + 1))
        loss = _loss(
            pipeline, noiser, material, _draw(material, config.batch_size, step, generator), generator
        )
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()


def _draw(material: Material, batch: int, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(batch,) rows of the views and of their texts."""
    views = torch.randint(len(material.latents), (batch,), generator=generator)
    turn = (torch.arange(batch) + step * batch) % material.text.shape[1]
    prompts = turn if material.own_prompt is None else material.own_prompt[views]
    return views, material.text[views, prompts]


def _loss(
    pipeline: Pipeline,
    noiser: Any,
    material: Material,
    drawn: tuple[Tensor, Tensor],
    generator: torch.Generator,
) -> Tensor:
    """Mean squared error of the predicted noise, or velocity, over the pixels that count."""
    views, texts = drawn
    device = pipeline.device
    latents = material.latents[views]
    noise = torch.randn(latents.shape, generator=generator).to(device)
    times = torch.randint(noiser.config.num_train_timesteps, (len(views),), generator=generator).to(device)
    latents, noisy = latents.to(device), noiser.add_noise(latents.to(device), noise, times)
    velocity = noiser.config.prediction_type == "v_prediction"
    target = noiser.get_velocity(latents, noise, times) if velocity else noise
    distinct, which = torch.unique(texts, return_inverse=True)
    with pipeline.autocast():
        states = pipeline.encode_text(material.ids[distinct.to(device)])[which.to(device)]
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        predicted = pipeline.unet(noisy, times, states, return_dict=False)[0].float()
    error = (predicted - target).square()
    mask = material.masks[views].to(device)
    each: Tensor = (error * mask).mean(dim=(1, 2, 3)) / mask.mean(dim=(1, 2, 3))
    return each.mean()


def _noiser(pipeline: Pipeline) -> Any:
    """The forward process of the base; its own methods add noise and give velocities."""
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler.from_config(pipeline.scheduler_config)
    kind = scheduler.config.prediction_type
    if kind not in ("epsilon", "v_prediction"):
        raise InvalidInputError(
            f"the base predicts {kind!r}", hint="use a base that predicts epsilon or v_prediction"
        )
    return scheduler


def _is_fp16(pipeline: Pipeline) -> bool:
    with pipeline.autocast():
        return pipeline.device.type == "cuda" and torch.get_autocast_dtype("cuda") == torch.float16


def _material(
    pipeline: Pipeline, spec: ModelSpec, images: Sequence[Image.Image], config: CustomizeConfig
) -> Material:
    views = make_views(images, config, np.random.default_rng(spec.seed))
    prompts = [prompt.replace(TOKEN, pipeline.token) for prompt in spec.training_prompts]
    rows = [[view.prefix + prompt for prompt in prompts] for view in views]
    distinct = list(dict.fromkeys(text for row in rows for text in row))
    paired = len(prompts) == len(images) > 1
    latents = _encode(pipeline, views)
    return Material(
        latents=latents,
        masks=_masks(views, config.resolution, latents.shape[-1]),
        ids=pipeline.tokenize(distinct),
        text=torch.tensor([[distinct.index(text) for text in row] for row in rows]),
        own_prompt=torch.tensor([view.exemplar for view in views]) if paired else None,
    )


@torch.no_grad()
def _encode(pipeline: Pipeline, views: Sequence[View]) -> Tensor:
    """(views, channels, h, w) on the CPU: the mean of the VAE's posterior, scaled."""
    parts = []
    for start in range(0, len(views), ENCODE_BATCH):
        pixels = torch.stack([view.pixels for view in views[start : start + ENCODE_BATCH]])
        pixels = pixels.to(pipeline.device).contiguous(memory_format=torch.channels_last)
        parts.append(pipeline.vae.encode(pixels).latent_dist.mode().cpu())
    latents: Tensor = torch.cat(parts).contiguous() * pipeline.vae.config.scaling_factor
    return latents


def _masks(views: Sequence[View], resolution: int, cells: int) -> Tensor:
    """(views, 1, cells, cells): 1 for latent cells wholly inside a view's box."""
    factor = resolution // cells
    masks = torch.zeros(len(views), 1, cells, cells)
    for mask, view in zip(masks, views, strict=True):
        left, top = (-(-edge // factor) for edge in view.box[:2])
        right, bottom = (edge // factor for edge in view.box[2:])
        mask[:, top:bottom, left:right] = 1
        mask[:, (top + bottom) // 2, (left + right) // 2] = 1  # never empty
    return masks


def _first_embedding(pipeline: Pipeline, word: str, category: str) -> Tensor:
    """(hidden,) where V* starts: the mean embedding of the words' tokens."""
    text = category if word == CATEGORY else word
    ids = pipeline.tokenizer(text, add_special_tokens=False).input_ids
    if not ids:
        raise InvalidInputError(f"the base has no token for {text!r}", hint="choose another --init-token")
    return pipeline.embedding.weight.detach()[ids].mean(0)


@contextmanager
def _token_vector(pipeline: Pipeline, vector: nn.Parameter) -> Iterator[None]:
    """Let the text encoder look V* up in `vector` instead of its table."""

    def replace(module: nn.Module, args: tuple[Any, ...], found: Tensor) -> Tensor:
        del module
        return torch.where((args[0] == pipeline.token_id)[..., None], vector.to(found.dtype), found)

    hook = pipeline.embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()
