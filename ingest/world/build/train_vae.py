"""Train the autoencoder on all looks of the gallery's icons."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....store.jobs import Step
from .drawing import load_looks
from .latents import pixels_of
from .networks import NetworkSize, half_precision, new_vae
from .training import Budget, Training, TrainingConfig, training_device

KL_WEIGHT = 2e-4
"""Of the KL divergence to a standard normal."""
EDGE_WEIGHT = 0.5
"""Of the L1 error of image gradients."""

_GPU, _CPU = (
    TrainingConfig(
        Budget(2.0),
        batch=batch,
        rate=1.5e-3,
        warmup=100,
        plateau=0.3,
        average=0.998,
        weight_decay=1e-4,
    )
    for batch in (256, 32)
)
_SAMPLE = 2048  # images that the latents' mean and spread are measured on


def vae_config(budget: Budget, batch: int | None = None) -> TrainingConfig:
    """The settings of the packaged VAE; on the CPU with smaller batches."""
    config = _GPU if training_device().type == "cuda" else _CPU
    return replace(config, budget=budget, batch=batch or config.batch)


def train_vae(work: Path, config: TrainingConfig, *, width: int = 1) -> Iterator[Step]:
    """Train until the budget is used, resuming from work/vae.pt; save the averaged weights as work/vae.

    Raises:
        NotFoundError: looks are missing. ConflictError: vae.pt has another size.
    """
    device = training_device()
    looks = torch.from_numpy(load_looks(work).images)
    images = looks.to(device).flatten(0, 1)
    size = NetworkSize(looks.shape[2], width)
    torch.manual_seed(config.seed)
    with device:
        vae = new_vae(size).to(memory_format=torch.channels_last)

    def objective() -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (config.batch,), device=device)
        return vae_loss(vae, pixels_of(images[chosen]))

    made_from = {"pixels": size.pixels, "width": width}
    training = Training({"vae": vae}, objective, work / "vae.pt", config, made_from)
    yield from training.run(lambda error: f"{10 * math.log10(4 / error):.1f} dB")
    training.use_average()
    vae.eval()
    standardise(vae, images[:: math.ceil(len(images) / _SAMPLE)])
    vae.save_pretrained(work / "vae")


def vae_loss(vae: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """(loss, mean squared error) of images (n, 3, size, size) in [-1, 1]: L1, MSE, L1 of gradients, KL."""
    with half_precision(images.device):
        mean, log_variance = vae.quant_conv(vae.encoder(images)).float().chunk(2, 1)
        log_variance = log_variance.clamp(-20, 10)
        latents = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        error = vae.decoder(vae.post_quant_conv(latents)).float() - images
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    squared = error.square().mean()
    loss = error.abs().mean() + squared + EDGE_WEIGHT * (across + down) + KL_WEIGHT * kl
    return loss, squared


@torch.no_grad()
def standardise(vae: Any, images: Tensor) -> None:
    """Fold each latent channel's mean and spread into the 1 x 1 convolutions, so `scaling_factor` is 1.

    Reconstructions stay as they are; latents of `images`, uint8 (n, size, size, 3), become zero-mean,
    unit-variance a channel.
    """
    latents = torch.cat([vae.encode(pixels_of(part)).latent_dist.mean for part in torch.split(images, 64)])
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    channels = len(mean)
    into, out = vae.quant_conv, vae.post_quant_conv
    into.weight[:channels] /= spread.view(-1, 1, 1, 1)
    into.bias[:channels] = (into.bias[:channels] - mean) / spread
    into.bias[channels:] -= 2 * spread.log()
    out.bias += out.weight[:, :, 0, 0] @ mean
    out.weight *= spread.view(1, -1, 1, 1)
    vae.register_to_config(scaling_factor=1.0)
