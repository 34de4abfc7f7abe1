"""Contact sheets for docs/: images of every set, samples of the untouched and of customized generators."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from ....store import Store
from ....store.errors import NotFoundError
from ....store.lookup import quote
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


def sheet(rows: Sequence[Sequence[Image.Image | None]], cell: int = 64) -> Image.Image:
    """Rows of images on white, each scaled to `cell` pixels, by default the world's size; None is empty."""
    step = cell + _GAP
    page = Image.new("RGB", (max(len(row) for row in rows) * step, len(rows) * step), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            if image:
                page.paste(image.resize((cell, cell), Image.Resampling.BICUBIC), (x * step, y * step))
    return page


def sets_sheet(parquet: Path, per_set: int = 24) -> Image.Image:
    """A row a set: images of any role, spread over the file."""
    table = pq.read_table(parquet, columns=["set", "image"]).to_pylist()
    rows = []
    for spec in SETS:
        own = [row["image"] for row in table if row["set"] == spec.name]
        chosen = own[:: max(len(own) // per_set, 1)][:per_set]
        rows.append([_decode(data) for data in chosen])
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


def customized_sheet(store: Store, kind: str, *, models: int = 8, samples: int = 8) -> Image.Image:
    """A row a validation model of `kind`, 'object' or 'style': exemplars, then samples of each scheme.

    An object has one exemplar, of a style the first two are drawn.

    Raises:
        NotFoundError: the store has no samples of such models.
    """
    where = f"concept_kind = {quote(kind)} and split = 'val'"
    found = store.read("models", ["model_id", "exemplar_ids"], where=where).sort_by("model_id").to_pylist()
    rows: list[list[Image.Image | None]] = []
    for model in found[:: max(len(found) // models, 1)][:models]:
        row: list[Image.Image | None] = []
        for _, data in store.blobs("images", "bytes", model["exemplar_ids"][:2]):
            row.append(_decode(data or b""))
        columns, own = ["sample_id", "scheme", "bytes"], f"model_id = {quote(model['model_id'])}"
        drawn = store.read("samples", columns, where=own).sort_by("sample_id").to_pylist()
        for scheme in sorted({sample["scheme"] for sample in drawn}):
            row.append(None)
            row += [_decode(sample["bytes"]) for sample in drawn if sample["scheme"] == scheme][:samples]
        rows.append(row)
    if not any(None in row for row in rows):
        raise NotFoundError(
            f"{store} has no samples of {kind} models in split val",
            hint="use the store of an `attribase demo`",
        )
    return sheet(rows)


def _decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")
