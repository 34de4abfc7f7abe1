"""The gallery as latents, each icon plain and in random variations: what the UNet is trained on."""

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
from ...diffusion import encode_latents
from .corpus import Corpus
from .variations import Variation, random_variation, render

_ICONS_AT_ONCE = 32


@dataclass(frozen=True)
class Latents:
    """Encoded icons.

    Attributes:
        values: float16 (icons, variations + 1, 8, 8, 8), the plain icon first.
        variations: what each of them shows, in the same order.
    """

    values: Tensor
    variations: tuple[tuple[Variation, ...], ...]


def encode_gallery(
    corpus: Corpus, vae: Any, folder: Path, *, variations: int = 15, seed: int = 1
) -> Iterator[Step]:
    """Encode every icon plain and in random variations; save latents.pt and variations.json in `folder`."""
    rng = np.random.default_rng(seed)
    count = len(corpus.icons)
    values, drawn = [], []
    for start in range(0, count, _ICONS_AT_ONCE):
        images = []
        for index in range(start, min(start + _ICONS_AT_ONCE, count)):
            chosen = [Variation(), *(random_variation(rng) for _ in range(variations))]
            images += [render(corpus.icon(index), variation, rng) for variation in chosen]
            drawn.append([variation.to_json() for variation in chosen])
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        with torch.no_grad():
            values.append(encode_latents(vae, (pixels * 255).round() / 127.5 - 1).half())
        yield Step("latents", len(drawn), count)
    stacked = torch.cat(values)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(stacked.view(count, variations + 1, *stacked.shape[1:]), folder / "latents.pt")
    (folder / "variations.json").write_text(json.dumps(drawn))


def load_latents(folder: Path) -> Latents:
    """The latents that `encode_gallery` saved. Raises NotFoundError when it has not run."""
    for name in ("latents.pt", "variations.json"):
        if not (folder / name).exists():
            raise NotFoundError(f"no {name} in {folder}", hint="run the `vae` step first")
    drawn = json.loads((folder / "variations.json").read_text())
    variations = tuple(tuple(Variation.from_json(fields) for fields in row) for row in drawn)
    return Latents(torch.load(folder / "latents.pt", weights_only=True), variations)
