"""Train the UNet and the text encoder together on the gallery's latents and their captions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....store.ids import content_id
from ....store.jobs import Step
from ...diffusion import noisy_latents_and_target
from .latents import load_latents
from .networks import (
    VAE_FACTOR,
    Float32Attention,
    NetworkSize,
    half_precision,
    new_scheduler,
    new_text_encoder,
    new_unet,
)
from .tokenizer import load_tokenizer
from .training import Budget, Training, TrainingConfig, training_device

SNR_CAP = 5.0
"""Min-SNR weighting, arXiv:2303.09556."""
PLAIN = 0.25
"""Share of a batch that is plain icons, the first look; the others are any of an icon's looks."""

_SNR_FLOOR = 0.1  # the noisiest steps still count
_GPU, _CPU = (
    TrainingConfig(
        Budget(6.5),
        batch=batch,
        rate=1.5e-3,
        warmup=500,
        plateau=0.35,
        average=0.9995,
        weight_decay=1e-3,
    )
    for batch in (512, 64)
)


def unet_config(budget: Budget, batch: int | None = None) -> TrainingConfig:
    """The settings of the packaged UNet; on the CPU with smaller batches."""
    config = _GPU if training_device().type == "cuda" else _CPU
    return replace(config, budget=budget, batch=batch or config.batch)


@dataclass(frozen=True)
class VelocityObjective:
    """The error of the predicted velocity on random latents and captions, all on one device.

    Attributes:
        unet: predicts v from noisy latents, timesteps and context.
        text: the text encoder, whose last hidden states are the context.
        latents: float16 (icons, looks, channels, h, w), the plain icon first.
        tokens: int16 (icons, looks, captions, length).
        batch: images a step.
    """

    unet: Any
    text: Any
    latents: Tensor
    tokens: Tensor
    batch: int
    scheduler: Any

    def __call__(self) -> tuple[Tensor, Tensor]:
        """(loss with min-SNR weights, mean squared error of v) of a random batch."""
        error, weight = self.errors(*self.draw_batch())
        return (weight * error).mean(), error.mean()

    def draw_batch(self) -> tuple[Tensor, Tensor]:
        """Latents (batch, channels, h, w) and token ids (batch, length) of random icons."""
        icons, looks, captions = self.tokens.shape[:3]
        icon, look, caption = (self._below(count) for count in (icons, looks, captions))
        plain = torch.rand(self.batch, device=self.latents.device) < PLAIN
        look = look.masked_fill(plain, 0)
        return self.latents[icon, look].float(), self.tokens[icon, look, caption].long()

    def errors(self, latents: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error of v at random timesteps, and its weight, both (batch,)."""
        times = self._below(self.scheduler.config.num_train_timesteps)
        noisy, velocity = noisy_latents_and_target(self.scheduler, latents, torch.randn_like(latents), times)
        with half_precision(latents.device):
            context = self.text(tokens, attention_mask=causal_mask(tokens)).last_hidden_state
            predicted = self.unet(noisy, times, context, return_dict=False)[0]
        error = (predicted.float() - velocity).square().mean((1, 2, 3))
        alpha = self.scheduler.alphas_cumprod[times]
        snr = alpha / (1 - alpha)
        return error, snr.clamp(max=SNR_CAP) / (snr + 1) + _SNR_FLOOR

    def _below(self, count: int) -> Tensor:
        return torch.randint(count, (self.batch,), device=self.latents.device)


def causal_mask(tokens: Tensor) -> Tensor:
    """The text encoder's own mask, bool (1, 1, length, length); it builds none when given one.

    Building it makes transformers wait for the device.
    """
    length = tokens.shape[1]
    return torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()[None, None]


def train_unet(work: Path, config: TrainingConfig, *, width: int = 1) -> Iterator[Step]:
    """Train until the budget is used, resuming from work/unet.pt.

    Raises:
        NotFoundError: a step before has not run. ConflictError: unet.pt has another size, VAE or tokenizer.
    """
    latents = load_latents(work)
    tokenizer = load_tokenizer(work / "tokenizer")
    device = training_device()
    size = NetworkSize(latents.values.shape[-1] * VAE_FACTOR, width)
    torch.manual_seed(config.seed)
    with device:
        unet, text = new_unet(size), new_text_encoder(tokenizer, size)
    if device.type == "cpu":
        unet.set_attn_processor(Float32Attention())
    objective = VelocityObjective(
        unet,
        text,
        latents.values.to(device),
        latents.tokens.to(device),
        config.batch,
        new_scheduler(),
    )
    made_from = {
        "pixels": size.pixels,
        "width": width,
        "vae": latents.vae,
        "tokenizer": content_id((work / "tokenizer" / "tokenizer.json").read_bytes()),
    }
    training = Training({"unet": unet, "text": text}, objective, work / "unet.pt", config, made_from)
    yield from training.run(lambda error: f"v-error {error:.4f}")
