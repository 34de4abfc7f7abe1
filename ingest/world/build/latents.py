"""All looks as latents of the VAE: what the UNet is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....store.errors import ConflictError, NotFoundError
from ....store.ids import content_id
from ....store.jobs import Step
from ...diffusion import encode_latents
from .drawing import load_looks
from .networks import LATENT_CHANNELS, VAE_FACTOR
from .row_arrays import RowArrays, load_rows

_IMAGES_AT_ONCE = 512


@dataclass(frozen=True)
class Latents:
    """The training set of the UNet.

    Attributes:
        values: float16 (icons, looks, channels, size / 8, size / 8), the plain icon first.
        tokens: int16 (icons, looks, captions, 20).
        vae: digest of the VAE's weights.
    """

    values: Tensor
    tokens: Tensor
    vae: str


def vae_digest(work: Path) -> str:
    """The digest of the weights of work/vae. Raises NotFoundError when it was not trained."""
    weights = work / "vae" / "diffusion_pytorch_model.safetensors"
    if not weights.exists():
        raise NotFoundError(f"no vae in {work}", hint="run the `vae` step first")
    return content_id(weights.read_bytes())


def pixels_of(images: Tensor) -> Tensor:
    """uint8 images (n, size, size, 3) as (n, 3, size, size) in [-1, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encode_looks(work: Path, vae: Any) -> Iterator[Step]:
    """Encode work/looks with `vae`, that of work/vae, going on where an earlier call stopped."""
    looks = load_looks(work)
    count, each, size = looks.images.shape[:3]
    shape = (count, each, LATENT_CHANNELS, size // VAE_FACTOR, size // VAE_FACTOR)
    settings = {"looks": looks.digest, "vae": vae_digest(work)}
    arrays = RowArrays(work / "latents", {"values": (shape, "float16")}, settings)
    icons = max(_IMAGES_AT_ONCE // each, 1)
    for start in range(0, count, icons):
        rows = slice(start, min(start + icons, count))
        if arrays.done[rows].all():
            continue
        images = torch.from_numpy(looks.images[rows]).to(vae.device).flatten(0, 1)
        parts = [encode_latents(vae, pixels_of(part)) for part in torch.split(images, _IMAGES_AT_ONCE)]
        values = torch.cat(parts).half().view(-1, *shape[1:])
        arrays.write(rows, {"values": values.cpu().numpy()})
        yield Step("latents", int(arrays.done.sum()), count)


def load_latents(work: Path) -> Latents:
    """The latents that `encode_looks` made, with the tokens of the looks.

    Raises:
        NotFoundError: a step before has not run. ConflictError: looks or VAE changed since.
    """
    looks, vae = load_looks(work), vae_digest(work)
    arrays, settings = load_rows(work / "latents", "vae")
    if settings != {"looks": looks.digest, "vae": vae}:
        raise ConflictError(
            f"{work / 'latents'} are of other looks or another VAE", hint="run the `vae` step again"
        )
    return Latents(torch.from_numpy(arrays["values"]), torch.from_numpy(looks.tokens), vae)
