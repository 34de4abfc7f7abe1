"""The customization of one model: its training set and the training loop, whatever the method trains.

Views are encoded once; a step draws views, prompts, times and noise from one
seeded CPU generator, so the same seed gives the same weights on the same machine.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..specs import TOKEN, ModelSpec
from .augment import View, make_views
from .kinds.loaded import LoadedGenerator, select
from .methods import ParameterGroup, find_method
from .prior import draw_prior
from .settings import TrainingConfig

ENCODE_BATCH = 8
LARGE_NETWORK = 1_000_000_000
"""Parameters of a network whose activations are not all kept on a GPU."""
LARGE_TRAINED = 500_000_000
"""The same of what trains, which Adam needs twice as much memory for again."""


@dataclass(frozen=True)
class TrainingSet:
    """The encoded views and prompts of one model.

    Attributes:
        latents: (views, channels, h, w) scaled latents.
        masks: (views, 1, h, w), 1 where the loss counts.
        sizes: (views, 2) height and width of what a view was resized from.
        texts: every distinct prompt.
        text: (views, prompts) the number in `texts` for a view and a prompt.
        own_prompts: (views, n) the prompts of a view's exemplar, or None when prompts are cycled.
    """

    latents: Tensor
    masks: Tensor
    sizes: Tensor
    texts: Sequence[str]
    text: Tensor
    own_prompts: Tensor | None

    def draw_batch(self, size: int, step: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """(size,) rows of `latents`, and (size,) numbers of `texts` to go with them."""
        views = torch.randint(len(self.latents), (size,), generator=rng)
        turn = torch.arange(size) + step * size
        if self.own_prompts is None:
            return views, self.text[views, turn % self.text.shape[1]]
        return views, self.text[views, self.own_prompts[views, turn % self.own_prompts.shape[1]]]


def train(
    generator: LoadedGenerator, spec: ModelSpec, images: Sequence[Image.Image], config: TrainingConfig
) -> None:
    """Turn the base in memory into the model of `spec`; the caller resets it afterwards.

    As many training prompts as exemplars, or a multiple of that, are paired with them, the first of each
    round with the first exemplar; otherwise, and for one exemplar, all prompts are cycled.
    """
    method = find_method(spec.method)
    config = method.settings_for(spec, config)
    generator.reset()
    method.place_token(generator, config)
    rng = torch.Generator().manual_seed(spec.seed)
    data = _build_training_set(generator, spec, images, config)
    sets = [(data, 1.0)]
    if prior := draw_prior(generator, spec, config):
        latents, texts = prior
        sets.append((_prior_set(latents, texts, config), config.prior_weight))  # type: ignore[attr-defined]
    with method.training(generator, spec, config) as groups, _checkpointing(generator, groups):
        _optimise(generator, groups, sets, config, rng)


def must_save_memory(device: str, size: int, trained: int) -> bool:
    """Whether training `trained` of a network's `size` parameters needs gradient checkpointing."""
    return device == "cuda" and (size > LARGE_NETWORK or trained > LARGE_TRAINED)


@contextmanager
def _checkpointing(generator: LoadedGenerator, groups: list[ParameterGroup]) -> Iterator[None]:
    """Where `must_save_memory`, blocks are computed again for their gradients instead of kept."""
    network = generator.network
    size = sum(parameter.numel() for parameter in network.parameters())
    trained = sum(parameter.numel() for group in groups for parameter in group["params"])
    if not must_save_memory(generator.device.type, size, trained):
        yield
        return
    network.enable_gradient_checkpointing()
    try:
        yield
    finally:
        network.disable_gradient_checkpointing()


def _optimise(
    generator: LoadedGenerator,
    groups: list[ParameterGroup],
    sets: Sequence[tuple[TrainingSet, float]],
    config: TrainingConfig,
    rng: torch.Generator,
) -> None:
    optimizer = torch.optim.AdamW(groups, fused=generator.device.type != "mps")
    accumulated = getattr(config, "accumulate", 1)  # batches a step, of methods with such a setting
    rates = [group["lr"] for group in groups]
    scaler = torch.amp.GradScaler(generator.device.type, enabled=_is_fp16(generator))
    for step in range(config.iterations):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / (config.warmup + 1))
        optimizer.zero_grad(set_to_none=True)
        for turn in range(accumulated):
            for data, share in sets:
                batch = data.draw_batch(config.batch_size, step * accumulated + turn, rng)
                loss = _loss(generator, data, batch, rng) * share / accumulated
                scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()


def _loss(
    generator: LoadedGenerator, data: TrainingSet, batch: tuple[Tensor, Tensor], rng: torch.Generator
) -> Tensor:
    """Mean squared error of the predicted noise, velocity or flow over the unmasked latent cells."""
    views, texts = batch
    device = generator.device
    latents = data.latents[views]
    noise = torch.randn(latents.shape, generator=rng).to(device)
    noised = generator.add_noise(latents.to(device), noise, rng)
    distinct, which = torch.unique(texts, return_inverse=True)
    with generator.autocast():
        conditions = select(generator.conditions([data.texts[i] for i in distinct]), which)
    conditions = generator.with_sizes(conditions, data.sizes[views])
    predicted = generator.predict(noised.noisy, noised.times, conditions)
    error = (predicted - noised.target).square()
    if noised.weights is not None:
        error = error * noised.weights
    mask = data.masks[views].to(device)
    each: Tensor = (error * mask).mean(dim=(1, 2, 3)) / mask.mean(dim=(1, 2, 3))
    return each.mean()


def _is_fp16(generator: LoadedGenerator) -> bool:
    with generator.autocast():
        return generator.device.type == "cuda" and torch.get_autocast_dtype("cuda") == torch.float16


def _build_training_set(
    generator: LoadedGenerator, spec: ModelSpec, images: Sequence[Image.Image], config: TrainingConfig
) -> TrainingSet:
    views = make_views(images, config, spec.concept_kind, np.random.default_rng(spec.seed))
    prompts = [prompt.replace(TOKEN, generator.placeholder) for prompt in spec.training_prompts]
    rows = [[view.caption(prompt) for prompt in prompts] for view in views]
    number = {text: i for i, text in enumerate(dict.fromkeys(text for row in rows for text in row))}
    paired = len(images) > 1 and len(prompts) % len(images) == 0
    rounds = torch.arange(0, len(prompts), len(images))
    latents = _encode_views(generator, views)
    return TrainingSet(
        latents=latents,
        masks=_masks(views, config.resolution, latents.shape[-1]),
        sizes=torch.tensor([[min(images[view.exemplar].size)] * 2 for view in views]),
        texts=list(number),
        text=torch.tensor([[number[text] for text in row] for row in rows]),
        own_prompts=torch.tensor([view.exemplar for view in views])[:, None] + rounds if paired else None,
    )


def _prior_set(latents: Tensor, texts: Sequence[str], config: TrainingConfig) -> TrainingSet:
    """Pictures that the base drew, each with the text that it was drawn for."""
    count = len(latents)
    return TrainingSet(
        latents=latents,
        masks=torch.ones(count, 1, *latents.shape[-2:]),
        sizes=torch.full((count, 2), config.resolution),
        texts=texts,
        text=(torch.arange(count) % len(texts))[:, None],
        own_prompts=None,
    )


@torch.no_grad()
def _encode_views(generator: LoadedGenerator, views: Sequence[View]) -> Tensor:
    """(views, channels, h, w) latents on the CPU."""
    parts = []
    for start in range(0, len(views), ENCODE_BATCH):
        pixels = torch.stack([view.pixels for view in views[start : start + ENCODE_BATCH]])
        parts.append(generator.encode(pixels).cpu())
    return torch.cat(parts).contiguous()


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
