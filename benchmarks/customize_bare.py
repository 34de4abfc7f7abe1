"""Bare diffusers loops for `customize.py`: the same work, with nothing around it; and a base of full size."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from peft import LoraConfig
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

LORA_TARGETS = ["to_k", "to_q", "to_v", "to_out.0"]


def load(folder: Path | None, device: str) -> Any:
    """A pipeline as bare code has it: channels last, on a GPU all weights in bfloat16."""
    whole = (
        full_size()
        if folder is None
        else StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    )
    whole.set_progress_bar_config(disable=True)
    whole.to(device, torch.bfloat16 if device.startswith("cuda") else torch.float32)
    whole.scheduler = DDIMScheduler.from_config(whole.scheduler.config)
    for part in (whole.unet, whole.vae):
        part.to(memory_format=torch.channels_last)
    for part in (whole.unet, whole.vae, whole.text_encoder):
        part.requires_grad_(False).eval()
    return whole


def full_size() -> Any:
    """Stable Diffusion 1.x with random weights and a vocabulary of letters: speed depends on neither."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77)
    blocks = (320, 640, 1280, 1280)
    return StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)
        ),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, block_out_channels=blocks),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


class BareTraining:
    """The loop of diffusers' training scripts over latents that are ready: the network and an optimiser."""

    def __init__(self, pipeline: Any, method: str, batch: int, resolution: int) -> None:
        self.pipeline, self.batch = pipeline, batch
        self.device = pipeline.device
        unet = pipeline.unet
        if method == "lora":
            unet.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=LORA_TARGETS))
            chosen = [value for value in unet.parameters() if value.requires_grad]
        else:
            chosen = [
                value
                for name, value in unet.named_parameters()
                if "attn2.to_k" in name or "attn2.to_v" in name
            ]
        if method == "custom-diffusion":  # as diffusers' script: the whole table has gradients
            chosen.append(pipeline.text_encoder.get_input_embeddings().weight)
        for value in chosen:
            value.data = value.data.float()
            value.requires_grad_(True)
        self.chosen = chosen
        self.optimizer = torch.optim.AdamW(chosen, lr=1e-5, fused=True)
        self.schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
        side = resolution // 2 ** (len(pipeline.vae.config.block_out_channels) - 1)
        self.latents = torch.randn(8, unet.config.in_channels, side, side, device=self.device)
        self.ids = pipeline.tokenizer(
            ["a cat"] * batch, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids.to(self.device)

    def run(self, steps: int) -> None:
        """So many optimiser steps."""
        for _ in range(steps):
            latents = self.latents[torch.randint(len(self.latents), (self.batch,), device=self.device)]
            noise = torch.randn_like(latents)
            times = torch.randint(1000, (self.batch,), device=self.device)
            noisy = self.schedule.add_noise(latents, noise, times).contiguous(
                memory_format=torch.channels_last
            )
            with self._autocast():
                states = self.pipeline.text_encoder(self.ids)[0]
                predicted = self.pipeline.unet(noisy, times, states).sample
            loss = (predicted.float() - noise).square().mean()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    def close(self) -> None:
        """Take the layers out again."""
        for value in self.chosen:
            value.requires_grad_(False).grad = None
        if hasattr(self.pipeline.unet, "peft_config"):
            self.pipeline.unet.unload_lora()


def sample(pipeline: Any, count: int, batch: int, steps: int, resolution: int, guidance: float) -> None:
    """So many images of the bare pipeline, in batches."""
    for start in range(0, count, batch):
        seeds = range(start, min(start + batch, count))
        pipeline(
            ["a cat"] * len(seeds),
            num_inference_steps=steps,
            guidance_scale=guidance,
            height=resolution,
            width=resolution,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        )
