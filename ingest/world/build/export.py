"""Export a work folder as package data: averaged weights as an fp16 pipeline folder, images and NOTICE.md."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ....store.errors import NotFoundError
from ...diffusion import silence_diffusers
from .latents import vae_digest
from .licences import notice
from .networks import NetworkSize, new_scheduler, new_text_encoder, new_unet
from .tokenizer import load_tokenizer
from .training import load_checkpoint

NAME = "attribase-world"


def export_model(work: Path, folder: Path) -> dict[str, float]:
    """Write the averaged weights of work/unet.pt with the VAE and tokenizer as `folder`, atomically.

    Returns:
        step, images, used (seconds) and error of that checkpoint.

    Raises:
        NotFoundError: nothing was trained yet. DataError: unet.pt is not a checkpoint.
        ConflictError: it was trained with another VAE than work/vae.
    """
    import torch
    from diffusers import AutoencoderKL

    if not (work / "unet.pt").exists():
        raise NotFoundError(f"no unet.pt in {work}", hint="run the `unet` step first")
    silence_diffusers()
    state = load_checkpoint(work / "unet.pt", {"vae": vae_digest(work)}) or {}
    tokenizer = load_tokenizer(work / "tokenizer")
    size = NetworkSize(state["made_from"]["pixels"], state["made_from"]["width"])
    unet, text = new_unet(size), new_text_encoder(tokenizer, size)
    with torch.no_grad():
        for weight, average in zip([*unet.parameters(), *text.parameters()], state["mean"], strict=True):
            weight.copy_(average)
    draft = folder.with_name(folder.name + ".part")
    _save_pipeline(draft, AutoencoderKL.from_pretrained(work / "vae"), unet, text, tokenizer)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    numbers: dict[str, float] = state["numbers"]
    return numbers


def export_images(work: Path, world: Path) -> None:
    """Copy the Parquet file into the package and write NOTICE.md beside it."""
    (world / "data").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(work / "world.parquet", world / "data" / "world.parquet")
    (world / "NOTICE.md").write_text(notice(work / "packages"))


def _save_pipeline(folder: Path, vae: Any, unet: Any, text_encoder: Any, tokenizer: Any) -> None:
    """Save the parts, and their scheduler, as a StableDiffusionPipeline folder in fp16."""
    import torch
    from diffusers import StableDiffusionPipeline

    for part in (vae, unet):
        part.register_to_config(_name_or_path=NAME)  # else the path of the work folder
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16)
    pipeline.register_to_config(_name_or_path=NAME)
    pipeline.save_pretrained(folder)
