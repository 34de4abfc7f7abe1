"""The gallery as latents, each icon plain and in random looks: the UNet's training needs no pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....store.errors import NotFoundError
from ....store.jobs import Step
from .corpus import Corpus
from .looks import Look, random_look, show

_ICONS_AT_ONCE = 32


@dataclass(frozen=True)
class Latents:
    """`values` float16 (icons, looks + 1, 8, 8, 8), the plain icon first; `looks` in the same order."""

    values: Tensor
    looks: tuple[tuple[Look, ...], ...]


def encode_gallery(
    corpus: Corpus, vae: Any, folder: Path, *, looks: int = 15, seed: int = 1
) -> Iterator[Step]:
    """Encode every icon in `looks` random looks and save latents.pt and looks.json in `folder`."""
    rng = np.random.default_rng(seed)
    count = len(corpus.icons)
    values, shown = [], []
    for start in range(0, count, _ICONS_AT_ONCE):
        images = []
        for index in range(start, min(start + _ICONS_AT_ONCE, count)):
            chosen = [Look(), *(random_look(rng) for _ in range(looks))]
            images += [show(corpus.icon(index), look, rng) for look in chosen]
            shown.append([look.to_json() for look in chosen])
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        pixels = ((pixels * 255).round() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            values.append(vae.encode(pixels).latent_dist.mean.half())
        yield Step("latents", len(shown), count)
    stacked = torch.cat(values)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(stacked.view(count, looks + 1, *stacked.shape[1:]), folder / "latents.pt")
    (folder / "looks.json").write_text(json.dumps(shown))


def load_latents(folder: Path) -> Latents:
    """What `encode_gallery` saved; NotFoundError when it has not run."""
    if not (folder / "latents.pt").exists():
        raise NotFoundError(f"no latents.pt in {folder}", hint="run the `vae` step first")
    shown = json.loads((folder / "looks.json").read_text())
    looks = tuple(tuple(Look.from_json(look) for look in row) for row in shown)
    return Latents(torch.load(folder / "latents.pt", weights_only=True), looks)
