"""Train the UNet and the text encoder together on the gallery's latents and their captions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....store.jobs import Step
from ...diffusion import noisy_latents_and_target, tokenize
from .captions import caption
from .corpus import Corpus, load_corpus
from .latents import Latents, load_latents
from .local_sgd import AveragingGroup
from .networks import Float32Attention, bfloat16_is_fast, new_scheduler, new_text_encoder, new_unet
from .tokenizer import load_tokenizer
from .training import Budget, learning_rate, load_checkpoint, save_checkpoint, update

SNR_CAP = 5.0  # min-SNR weighting, arXiv:2303.09556
_SNR_FLOOR = 0.1  # the noisiest steps still count


@dataclass(frozen=True)
class UnetConfig:
    """Budget and settings of the training.

    Attributes:
        budget: of training; with a budget in steps, averages are taken every `average_steps`, too.
        batch: images a step of one process.
        rate: peak learning rate, kept until a share `plateau` of the budget.
        plain: share of plain icons, the others are variations.
        average: decay of the averaged weights.
        workers: processes of one thread.
        average_seconds: interval at which processes average their weights.
        average_steps: the same in steps of each process.
        checkpoint_seconds: interval between checkpoints.
    """

    budget: Budget = field(default_factory=lambda: Budget(minutes=95.0))
    batch: int = 32
    rate: float = 1.2e-3
    plain: float = 0.5
    plateau: float = 0.4
    average: float = 0.9995
    workers: int = 1
    average_seconds: float = 8.0
    average_steps: int = 100
    checkpoint_seconds: float = 300.0
    seed: int = 0


class Trainer:
    """The training in one process: networks, optimizer, averaged weights and its own random batches."""

    def __init__(
        self, corpus: Corpus, latents: Latents, tokenizer: Any, config: UnetConfig, rank: int
    ) -> None:
        self.corpus, self.latents, self.tokenizer, self.config = corpus, latents, tokenizer, config
        torch.manual_seed(config.seed)
        self.unet, self.text = new_unet(), new_text_encoder(tokenizer)
        self.bfloat16 = bfloat16_is_fast()
        if self.bfloat16:
            self.unet.set_attn_processor(Float32Attention())
        self.scheduler = new_scheduler()
        self.weights: list[Any] = [*self.unet.parameters(), *self.text.parameters()]
        self.optimizer = torch.optim.AdamW(self.weights, lr=config.rate, betas=(0.9, 0.99), weight_decay=1e-3)
        self.mean = [weight.detach().clone() for weight in self.weights]
        self.step, self.images, self.used, self.since, self.loss = 0, 0, 0.0, 0, float("nan")
        self.reseed(rank)

    def reseed(self, rank: int) -> None:
        """Start this process's own random stream for the present step."""
        seed = [self.config.seed, self.step, rank]
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(int(self.rng.integers(2**31)))

    def train_step(self) -> None:
        """One batch: v-prediction at random timesteps, min-SNR weights."""
        used = self.config.budget.used(self.step, self.used)
        rate = learning_rate(self.config.rate, self.step, used, warmup=300, plateau=self.config.plateau)
        error, weight = self.errors(*self.draw_batch())
        update(self.optimizer, self.weights, (weight * error).mean(), rate)
        now = error.mean().item()
        self.loss = now if self.step == 0 else 0.995 * self.loss + 0.005 * now
        self.step, self.since = self.step + 1, self.since + 1

    def draw_batch(self) -> tuple[Tensor, Tensor]:
        """Latents (batch, 8, 8, 8) and token ids (batch, 20) of random icons, a share `plain` unvaried."""
        count, variations = self.latents.values.shape[:2]
        icons = self.rng.integers(0, count, self.config.batch)
        chosen = np.where(
            self.rng.random(self.config.batch) < self.config.plain,
            0,
            self.rng.integers(0, variations, self.config.batch),
        )
        texts = [
            caption(self.corpus.subjects[i], self.latents.variations[i][k], self.rng)
            for i, k in zip(icons, chosen, strict=True)
        ]
        latents = self.latents.values[torch.from_numpy(icons), torch.from_numpy(chosen)].float()
        return latents, tokenize(self.tokenizer, texts)

    def errors(self, latents: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error of v, and its weight, both (batch,)."""
        times = torch.randint(self.scheduler.config.num_train_timesteps, (len(latents),))
        noise = torch.randn_like(latents)
        noisy, velocity = noisy_latents_and_target(self.scheduler, latents, noise, times)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            context = self.text(tokens).last_hidden_state
            predicted = self.unet(noisy, times, context).sample
        error = (predicted.float() - velocity).square().mean((1, 2, 3))
        alpha = self.scheduler.alphas_cumprod[times]
        snr = alpha / (1 - alpha)
        return error, snr.clamp(max=SNR_CAP) / (snr + 1) + _SNR_FLOOR

    def average(self, group: AveragingGroup, seconds: float) -> None:
        """Average weights and optimizer moments over the group, then update the averaged weights.

        `seconds`: training time since the last average.
        """
        moments = [self.optimizer.state[w][key] for w in self.weights for key in ("exp_avg", "exp_avg_sq")]
        made = group.average([*self.weights, *moments], self.since)
        decay = min(self.config.average, (1 + self.step) / (10 + self.step)) ** made
        torch._foreach_lerp_(self.mean, [w.detach() for w in self.weights], 1 - decay)
        self.images += made * self.config.batch
        self.used += group.broadcast(seconds)
        self.since = 0

    def state(self) -> dict[str, Any]:
        """Everything that a resumed training needs."""
        return {
            "unet": self.unet.state_dict(),
            "text": self.text.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.mean,
            "numbers": {"step": self.step, "images": self.images, "used": self.used, "loss": self.loss},
        }

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Continue from `state`, with a new random stream."""
        self.unet.load_state_dict(state["unet"])
        self.text.load_state_dict(state["text"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean = state["mean"]
        for name, value in state["numbers"].items():
            setattr(self, name, value)
        self.reseed(rank)


def train_unet(work: Path, config: UnetConfig) -> Iterator[Step]:
    """Train until the budget is used, resuming from work/unet.pt and writing it at intervals and at the end.

    Needs world.parquet, icons.npy, tokenizer/, latents.pt and variations.json in `work`.
    """
    rendezvous = work / "rendezvous"
    rendezvous.unlink(missing_ok=True)
    context = get_context("spawn")
    others = [context.Process(target=_run, args=(work, config, rank)) for rank in range(1, config.workers)]
    for process in others:
        process.start()
    try:
        yield from _train(work, config, rank=0)
    finally:
        for process in others:
            process.join(timeout=60)
            process.kill()
        rendezvous.unlink(missing_ok=True)


def _run(work: Path, config: UnetConfig, rank: int) -> None:
    for _ in _train(work, config, rank):
        pass


def _train(work: Path, config: UnetConfig, rank: int) -> Iterator[Step]:
    torch.set_flush_denormal(True)
    if config.workers > 1:
        torch.set_num_threads(1)
    corpus = load_corpus(work / "world.parquet", work / "icons.npy")
    trainer = Trainer(corpus, load_latents(work), load_tokenizer(work / "tokenizer"), config, rank)
    if state := load_checkpoint(work / "unet.pt"):
        trainer.restore(state, rank)
    budget = config.budget
    group = AveragingGroup(
        rank,
        config.workers,
        work / "rendezvous",
        seconds=config.average_seconds,
        steps=None if budget.steps is None else config.average_steps,
    )
    saved = started = time.monotonic()
    while budget.used(trainer.step, trainer.used) < 1:
        trainer.train_step()
        if group.is_due(trainer.since) or budget.used(trainer.step, trainer.used) >= 1:
            trainer.average(group, time.monotonic() - started)
            started = time.monotonic()
            if rank == 0 and started - saved > config.checkpoint_seconds:
                save_checkpoint(work / "unet.pt", trainer.state())
                saved = time.monotonic()
            note = f"{trainer.images} images, v-error {trainer.loss:.4f}"
            yield Step("unet", *budget.progress(trainer.step, trainer.used), note=note)
    if rank == 0:
        save_checkpoint(work / "unet.pt", trainer.state())
    group.close()
