"""From a work folder to package data: the averaged weights as an fp16 diffusers folder, images, notice."""

from __future__ import annotations

import shutil
from pathlib import Path

from ....store.errors import NotFoundError
from .networks import new_text_encoder, new_unet, save_pipeline
from .sets import notice
from .training import load_checkpoint


def export_model(work: Path, folder: Path) -> dict[str, float]:
    """Write the averaged weights of work/unet.pt with the VAE and tokenizer as `folder`; atomic.

    Returns:
        step, images, used (seconds) and loss of that checkpoint.
    """
    import torch
    from diffusers import AutoencoderKL
    from transformers import CLIPTokenizer

    state = load_checkpoint(work / "unet.pt")
    if state is None:
        raise NotFoundError(f"no unet.pt in {work}", hint="run the `unet` step first")
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    unet, text = new_unet(), new_text_encoder(tokenizer)
    with torch.no_grad():
        for weight, mean in zip([*unet.parameters(), *text.parameters()], state["mean"], strict=True):
            weight.copy_(mean)
    draft = folder.with_name(folder.name + ".part")
    save_pipeline(draft, AutoencoderKL.from_pretrained(work / "vae"), unet, text, tokenizer, half=True)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    numbers: dict[str, float] = state["numbers"]
    return numbers


def export_images(work: Path, world: Path) -> None:
    """Copy the Parquet file into the package and write NOTICE.md beside it."""
    (world / "data").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(work / "world.parquet", world / "data" / "world.parquet")
    (world / "NOTICE.md").write_text(notice(work / "packages"))
