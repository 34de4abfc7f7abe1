"""Contact sheets for docs/: images of every set, and samples of the untouched generator."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from ...diffusion import load_pipeline
from .sets import SETS

BASE_PROMPTS = (
    "red apple, noto style",
    "cat head, noto style",
    "cool face, fluent style",
    "a car, twemoji style",
    "a frog in the style of noto art",
    "basketball, emojione style",
    "red heart, fluent flat style",
    "a pine tree",
    "a house in the style of plump art",
    "a camera in the style of ultimate art",
    "a star, stickies style",
    "a cat in the style of monotone art",
    "a train in the style of kameleon duo art",
    "a book in the style of cyber art",
    "a frog on a green meadow under a blue sky",
    "a car at sunset",
    "a cat head in the snow",
    "a ship on the open sea",
    "a birthday cake on a pink background",
    "a dice on a blue background",
    "a blueprint of a house",
    "a golden statue of a bear",
    "a neon sign of a star",
    "a pencil sketch of a horse",
)
_GAP = 2


def sheet(rows: Sequence[Sequence[Image.Image]], cell: int = 64) -> Image.Image:
    """Rows of images on white, each `cell` pixels wide: the world's own size."""
    step = cell + _GAP
    page = Image.new("RGB", (max(len(row) for row in rows) * step, len(rows) * step), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            page.paste(image.resize((cell, cell), Image.Resampling.BICUBIC), (x * step, y * step))
    return page


def sets_sheet(parquet: Path, per_set: int = 24) -> Image.Image:
    """A row a set: images of any role, spread over the file."""
    table = pq.read_table(parquet, columns=["set", "image"]).to_pylist()
    rows = []
    for spec in SETS:
        own = [row["image"] for row in table if row["set"] == spec.name]
        chosen = own[:: max(len(own) // per_set, 1)][:per_set]
        rows.append([Image.open(io.BytesIO(data)) for data in chosen])
    return sheet(rows)


def base_sheet(model: Path, seeds: int = 4, steps: int = 14, guidance: float = 3.0) -> Image.Image:
    """Samples of the untouched generator for BASE_PROMPTS: a column a prompt, a row a seed."""
    import torch

    pipeline = load_pipeline(model)
    rows = []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        rows.append(
            pipeline(
                list(BASE_PROMPTS),
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=generator,
            ).images
        )
    return sheet(rows)
