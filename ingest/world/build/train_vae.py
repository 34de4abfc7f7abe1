"""Train the autoencoder on the gallery's icons, plain and in random variations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....store.jobs import Step
from .corpus import Corpus
from .networks import new_vae
from .training import Budget, learning_rate, load_checkpoint, save_checkpoint, update
from .variations import Variation, random_variation, render


@dataclass(frozen=True)
class VaeConfig:
    """Budget and settings of the training.

    Attributes:
        budget: of training.
        batch: images a step.
        rate: peak learning rate.
        variations: random variations of each icon in the pool, beside the plain one.
        kl: weight of the KL divergence to a standard normal.
        edges: weight of the L1 error of image gradients.
        checkpoint_seconds: interval between checkpoints.
    """

    budget: Budget = field(default_factory=lambda: Budget(minutes=8.0))
    batch: int = 32
    rate: float = 2e-3
    variations: int = 3
    kl: float = 2e-4
    edges: float = 0.5
    seed: int = 0
    checkpoint_seconds: float = 120.0


def image_pool(corpus: Corpus, variations: int, seed: int) -> Tensor:
    """uint8 (n, variations + 1, 3, 32, 32); the first of each is the plain icon."""
    rng = np.random.default_rng(seed)
    images = []
    for index in range(len(corpus.icons)):
        icon = corpus.icon(index)
        drawn = [render(icon, Variation(), rng)]
        drawn += [render(icon, random_variation(rng), rng) for _ in range(variations)]
        images.append(np.round(np.stack(drawn) * 255).astype(np.uint8))
    return torch.from_numpy(np.stack(images)).permute(0, 1, 4, 2, 3).contiguous()


def vae_loss(vae: Any, images: Tensor, config: VaeConfig) -> tuple[Tensor, Tensor]:
    """(loss, mean squared error) of images (n, 3, 32, 32) in [-1, 1]: L1, MSE, L1 of gradients, KL."""
    mean, log_variance = vae.quant_conv(vae.encoder(images)).chunk(2, 1)
    log_variance = log_variance.clamp(-20, 10)
    latents = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
    error = vae.decoder(vae.post_quant_conv(latents)) - images
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    squared = error.square().mean()
    loss = error.abs().mean() + squared + config.edges * (across + down) + config.kl * kl
    return loss, squared.detach()


def train_vae(corpus: Corpus, folder: Path, checkpoint: Path, config: VaeConfig) -> Iterator[Step]:
    """Train until the budget is used, resuming from `checkpoint`; save the averaged weights in `folder`."""
    torch.manual_seed(config.seed)
    vae = new_vae().to(memory_format=torch.channels_last)
    weights = list(vae.parameters())
    optimizer = torch.optim.AdamW(weights, lr=config.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    average = [weight.detach().clone() for weight in weights]
    used, step = 0.0, 0
    if state := load_checkpoint(checkpoint):
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
        average, used, step = state["average"], state["used"], state["step"]

    def save() -> None:
        parts = {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
        save_checkpoint(checkpoint, {**parts, "used": used, "step": step})

    pool = image_pool(corpus, config.variations, config.seed)
    budget, saved = config.budget, time.monotonic()
    while (share := budget.used(step, used)) < 1:
        start = time.monotonic()
        rate = learning_rate(config.rate, step, share, warmup=100, plateau=0.3)
        loss, squared = vae_loss(vae, _draw_batch(pool, config.batch), config)
        update(optimizer, weights, loss, rate)
        step += 1
        torch._foreach_lerp_(average, [w.detach() for w in weights], 1 - min(0.995, (1 + step) / (10 + step)))
        used += time.monotonic() - start
        if time.monotonic() - saved > config.checkpoint_seconds:
            save()
            saved = time.monotonic()
        if step % 50 == 0:
            psnr = 10 * np.log10(4 / squared.item())
            yield Step("vae", *budget.progress(step, used), note=f"step {step}, {psnr:.1f} dB")
    save()
    with torch.no_grad():
        for weight, averaged in zip(weights, average, strict=True):
            weight.copy_(averaged)
    standardise(vae, pool)
    vae.save_pretrained(folder)


@torch.no_grad()
def standardise(vae: Any, pool: Tensor) -> None:
    """Fold each latent channel's mean and spread into the 1 x 1 convolutions, so `scaling_factor` is 1.

    Reconstructions stay as they are; latents become zero-mean, unit-variance a channel.
    """
    images = pool[:: max(len(pool) // 600, 1)].flatten(0, 1).float() / 127.5 - 1
    latents = torch.cat([vae.encode(part).latent_dist.mean for part in torch.split(images, 64)])
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    channels = len(mean)
    into, out = vae.quant_conv, vae.post_quant_conv
    into.weight[:channels] /= spread.view(-1, 1, 1, 1)
    into.bias[:channels] = (into.bias[:channels] - mean) / spread
    into.bias[channels:] -= 2 * spread.log()
    out.bias += out.weight[:, :, 0, 0] @ mean
    out.weight *= spread.view(1, -1, 1, 1)
    vae.register_to_config(scaling_factor=1.0)


def _draw_batch(pool: Tensor, size: int) -> Tensor:
    """Random images, a third of them plain, as floats in [-1, 1]."""
    icons = torch.randint(len(pool), (size,))
    variations = torch.randint(pool.shape[1], (size,))
    variations[: size // 3] = 0
    images = pool[icons, variations].float() / 127.5 - 1
    return images.contiguous(memory_format=torch.channels_last)
