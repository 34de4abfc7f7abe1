"""Train the UNet and the text encoder together on the gallery's latents and their captions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....store.jobs import Step
from ..captions import caption
from .corpus import Corpus, load_corpus
from .latents import Latents, load_latents
from .networks import new_scheduler, new_text_encoder, new_unet
from .peers import Peers
from .training import Float32Attention, bfloat16_is_fast, learning_rate, load_checkpoint, save_checkpoint

SNR_CAP = 5.0  # min-SNR weighting, arXiv:2303.09556
_SNR_FLOOR = 0.1  # the noisiest steps still count


@dataclass(frozen=True)
class UnetConfig:
    """Budget and rates. `minutes` counts training time over all resumptions; `workers` processes share it."""

    minutes: float = 95.0
    batch: int = 32
    rate: float = 1.2e-3
    plain: float = 0.5
    plateau: float = 0.4
    average: float = 0.9995
    workers: int = 1
    average_seconds: float = 8.0
    checkpoint_seconds: float = 300.0
    seed: int = 0


class Trainer:
    """One process: networks, optimizer, averaged weights and its own random batches."""

    def __init__(
        self, corpus: Corpus, latents: Latents, tokenizer: Any, config: UnetConfig, rank: int
    ) -> None:
        self.corpus, self.latents, self.tokenizer, self.config = corpus, latents, tokenizer, config
        torch.manual_seed(config.seed)
        self.unet, self.text = new_unet(), new_text_encoder(tokenizer)
        self.bfloat16 = bfloat16_is_fast()
        if self.bfloat16:
            self.unet.set_attn_processor(Float32Attention())
        self.alphas: Tensor = new_scheduler().alphas_cumprod
        self.weights: list[Any] = [*self.unet.parameters(), *self.text.parameters()]
        self.optimizer = torch.optim.AdamW(self.weights, lr=config.rate, betas=(0.9, 0.99), weight_decay=1e-3)
        self.mean = [weight.detach().clone() for weight in self.weights]
        self.step, self.images, self.used, self.since, self.loss = 0, 0, 0.0, 0, float("nan")
        self.reseed(rank)

    def reseed(self, rank: int) -> None:
        """Start this process's own random stream; it depends on how far the training is."""
        seed = [self.config.seed, self.step, rank]
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(int(self.rng.integers(2**31)))

    def train_step(self) -> None:
        """One batch: v-prediction at random timesteps, min-SNR weights."""
        share = self.used / 60 / self.config.minutes
        rate = learning_rate(self.config.rate, self.step, share, warmup=300, plateau=self.config.plateau)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        latents, tokens = self.batch()
        error, weight = self.errors(latents, tokens)
        self.optimizer.zero_grad()
        (weight * error).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        now = error.mean().item()
        self.loss = now if self.step == 0 else 0.995 * self.loss + 0.005 * now
        self.step, self.since = self.step + 1, self.since + 1

    def batch(self) -> tuple[Tensor, Tensor]:
        """Latents (batch, 8, 8, 8) and token ids (batch, 20) of random icons, `plain` of them on white."""
        count, shown = self.latents.values.shape[:2]
        icons = self.rng.integers(0, count, self.config.batch)
        looks = np.where(
            self.rng.random(self.config.batch) < self.config.plain,
            0,
            self.rng.integers(0, shown, self.config.batch),
        )
        texts = [
            caption(self.corpus.subjects[i], self.latents.looks[i][k], self.rng)
            for i, k in zip(icons, looks, strict=True)
        ]
        tokens = self.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return self.latents.values[torch.from_numpy(icons), torch.from_numpy(looks)].float(), tokens

    def errors(self, latents: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error of v, and its weight, both (batch,)."""
        times = torch.randint(len(self.alphas), (len(latents),))
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            context = self.text(tokens).last_hidden_state
            guess = self.unet(noisy, times, context).sample
        error = (guess.float() - velocity).square().mean((1, 2, 3))
        snr = (alpha / (1 - alpha)).flatten()
        return error, snr.clamp(max=SNR_CAP) / (snr + 1) + _SNR_FLOOR

    def join(self, peers: Peers, seconds: float) -> None:
        """Average weights and optimizer moments with the other processes; move the averaged weights along."""
        moments = [self.optimizer.state[w][key] for w in self.weights for key in ("exp_avg", "exp_avg_sq")]
        made = peers.average([*self.weights, *moments], self.since)
        decay = min(self.config.average, (1 + self.step) / (10 + self.step)) ** made
        torch._foreach_lerp_(self.mean, [w.detach() for w in self.weights], 1 - decay)
        self.images += made * self.config.batch
        self.used += peers.agree(seconds)
        self.since = 0

    def state(self) -> dict[str, Any]:
        """Everything a resumed training needs."""
        return {
            "unet": self.unet.state_dict(),
            "text": self.text.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.mean,
            "numbers": {"step": self.step, "images": self.images, "used": self.used, "loss": self.loss},
        }

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Go on from `state`, with a fresh random stream."""
        self.unet.load_state_dict(state["unet"])
        self.text.load_state_dict(state["text"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean = state["mean"]
        for name, value in state["numbers"].items():
            setattr(self, name, value)
        self.reseed(rank)


def train_unet(work: Path, config: UnetConfig) -> Iterator[Step]:
    """Train for `config.minutes` in all, resuming from work/unet.pt; the last step writes it again.

    Needs world.parquet, icons.npy, tokenizer/, latents.pt and looks.json in `work`.
    """
    rendezvous = work / "rendezvous"
    rendezvous.unlink(missing_ok=True)
    context = get_context("spawn")
    others = [context.Process(target=_peer, args=(work, config, rank)) for rank in range(1, config.workers)]
    for process in others:
        process.start()
    try:
        yield from _train(work, config, rank=0)
    finally:
        for process in others:
            process.join(timeout=60)
            process.kill()
        rendezvous.unlink(missing_ok=True)


def _peer(work: Path, config: UnetConfig, rank: int) -> None:
    for _ in _train(work, config, rank):
        pass


def _train(work: Path, config: UnetConfig, rank: int) -> Iterator[Step]:
    from transformers import CLIPTokenizer

    torch.set_flush_denormal(True)
    if config.workers > 1:
        torch.set_num_threads(1)
    corpus = load_corpus(work / "world.parquet", work / "icons.npy")
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    trainer = Trainer(corpus, load_latents(work), tokenizer, config, rank)
    if state := load_checkpoint(work / "unet.pt"):
        trainer.restore(state, rank)
    peers = Peers(rank, config.workers, work / "rendezvous", config.average_seconds)
    saved = started = time.monotonic()
    while trainer.used < config.minutes * 60:
        trainer.train_step()
        if peers.due():
            trainer.join(peers, time.monotonic() - started)
            started = time.monotonic()
            if rank == 0 and started - saved > config.checkpoint_seconds:
                save_checkpoint(work / "unet.pt", trainer.state())
                saved = time.monotonic()
            note = f"{trainer.images} images, v-error {trainer.loss:.4f}"
            yield Step("unet", round(trainer.used), round(config.minutes * 60), note=note)
    if rank == 0:
        save_checkpoint(work / "unet.pt", trainer.state())
    peers.close()
