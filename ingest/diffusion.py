"""Latent diffusion, as customization, sampling and the world's own training share it.

Pixels are in [-1, 1]; latents are scaled by the VAE's `scaling_factor`. Importing this loads torch.
"""

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .diffusion_files import check_weights, find_variant

CHANNELS_LAST = torch.channels_last
OTHER_PIPELINES = ("StableDiffusionXLPipeline", "StableDiffusion3Pipeline", "FluxPipeline")
"""The classes that are loaded as what they are; everything else as StableDiffusionPipeline."""
_NO_SAFETY: dict[str, Any] = {
    "safety_checker": None,
    "feature_extractor": None,
    "requires_safety_checker": False,
}


def load_pipeline(folder: Path | str, dtype: torch.dtype = torch.float32) -> Any:
    """A pipeline of diffusers in `dtype` from local files, without progress bars or safety checker.

    Raises DataError for a file of weights that is missing, cut, or a pointer of Git LFS.
    """
    folder = Path(folder)
    check_weights(folder)
    silence_diffusers()
    import diffusers

    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    kind, without = diffusers.StableDiffusionPipeline, _NO_SAFETY
    if index.get("_class_name") in OTHER_PIPELINES:
        kind, without = getattr(diffusers, index["_class_name"]), {}
    half = {} if dtype == torch.float32 else {"torch_dtype": dtype}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # newer diffusers call it `dtype`, older do not know that
        pipeline = kind.from_pretrained(
            folder, local_files_only=True, variant=find_variant(folder), **half, **without
        )
    pipeline.to(dtype)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def silence_diffusers() -> None:
    """Neither progress bars nor warnings of diffusers, transformers and tokenizers."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import diffusers
    import transformers

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()


def tokenize(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """(prompts, length) int64 token ids: padded to the tokenizer's length, longer prompts cut."""
    ids: Tensor = tokenizer(
        list(prompts),
        padding="max_length",
        truncation=True,
        max_length=tokenizer.model_max_length,
        return_tensors="pt",
    ).input_ids
    return ids


def encode_latents(vae: Any, pixels: Tensor) -> Tensor:
    """(n, 3, H, W) pixels to (n, channels, h, w) latents: the mean of the VAE's posterior, scaled."""
    posterior = vae.encode(pixels.contiguous(memory_format=CHANNELS_LAST)).latent_dist
    latents: Tensor = posterior.mode()
    if vae.config.shift_factor is not None:
        latents = latents - vae.config.shift_factor
    scaled: Tensor = latents * vae.config.scaling_factor
    return scaled


def decode_latents(vae: Any, latents: Tensor) -> Tensor:
    """(n, channels, h, w) latents to (n, H, W, 3) uint8 images on the CPU."""
    unscaled = latents / vae.config.scaling_factor
    if vae.config.shift_factor is not None:
        unscaled = unscaled + vae.config.shift_factor
    unscaled = unscaled.contiguous(memory_format=CHANNELS_LAST)
    pixels = (vae.decode(unscaled, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)
    images: Tensor = (pixels.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).cpu()
    return images


def noisy_latents_and_target(
    scheduler: Any, latents: Tensor, noise: Tensor, times: Tensor
) -> tuple[Tensor, Tensor]:
    """The forward process at `times`, and what the UNet is trained to predict from its result.

    Args:
        scheduler: of diffusers; its `prediction_type` is 'epsilon' or 'v_prediction'.
        latents: (n, channels, h, w).
        noise: (n, channels, h, w), standard normal.
        times: (n,) int64 timesteps.

    Returns:
        noisy = sqrt(a) latents + sqrt(1 - a) noise, with a = `alphas_cumprod[times]`, and the target:
        the noise, or the velocity sqrt(a) noise - sqrt(1 - a) latents (arXiv:2202.00512).
    """
    noisy: Tensor = scheduler.add_noise(latents, noise, times)
    if scheduler.config.prediction_type == "v_prediction":
        return noisy, scheduler.get_velocity(latents, noise, times)
    return noisy, noise
