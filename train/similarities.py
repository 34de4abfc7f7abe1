"""Similarities of held-out samples to the gallery and to their own exemplars, for calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from ..runtime.mapper import RAW, to_rows
from ..store import Store, mapped_column, vectors_table
from ..store.errors import InvalidInputError
from .config import CalibrationConfig
from .data import embedded_items, encoder_table, load_features
from .pairs import load_models

BLOCK = 4096
"""Rows of the vector table read at once."""

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Similarities:
    """(samples, candidates) float32: a sample's own exemplars, then the gallery's largest in any order.

    Where a row has fewer candidates it is padded with -inf; `exemplar` marks its exemplars.
    """

    values: Tensor
    exemplar: Tensor


@dataclass(frozen=True)
class HeldOut:
    """Held-out samples and the exemplars of their models, as unit rows."""

    samples: Rows  # (samples, dim)
    models: list[int]  # (samples,) the model of each sample
    exemplars: list[tuple[str, ...]]  # of each model
    exemplar_rows: list[Rows]  # of each model, (exemplars, dim)
    kinds: list[str]  # of each model


class RunningTop:
    """The largest values of each row of a stream of blocks, in the memory of its result and a tenth more.

    Blocks are written behind the values kept so far; when the space is full, one partition in place moves
    the largest to the front. So a value is moved a few times, whatever the length of the stream.
    """

    def __init__(self, space: Rows, top: int) -> None:
        """`space` (rows, more than `top`) float32 is written to; it may be part of a larger array."""
        self._space, self._top, self._filled = space, top, 0

    @property
    def values(self) -> Rows:
        """(rows, up to `top`) the largest so far, in any order: a view of the space."""
        self._shrink()
        return self._space[:, : self._filled]

    def add(self, scores: Rows) -> None:
        """Take in (rows, any number of) values."""
        while scores.shape[1]:
            if self._filled == self._space.shape[1]:
                self._shrink()
            part = scores[:, : self._space.shape[1] - self._filled]
            self._space[:, self._filled : self._filled + part.shape[1]] = part
            self._filled += part.shape[1]
            scores = scores[:, part.shape[1] :]

    def _shrink(self) -> None:
        if self._filled > self._top:
            for row in self._space[:, : self._filled]:  # by row: a partition of all copies a strided view
                np.negative(row, out=row)
                row.partition(self._top - 1)
                np.negative(row, out=row)
            self._filled = self._top


def load_similarities(store: Store, encoder: str, mapper: str, config: CalibrationConfig) -> Similarities:
    """The `config.top` largest similarities of up to `config.samples` samples, plus their exemplars' own.

    The gallery is streamed once, in blocks.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: no embedded model in the split, an empty gallery, or a mapper that was not applied.
    """
    return compare(store, encoder, mapper, load_held_out(store, encoder, mapper, config), config)


def compare(
    store: Store, encoder: str, mapper: str, held_out: HeldOut, config: CalibrationConfig
) -> Similarities:
    """The similarities of these samples, as `load_similarities`."""
    column = _column(store, encoder, mapper)
    members = store.read("members", ["collection", "image_id"])
    gallery = set(members.filter(pc.field("collection") == config.gallery)["image_id"].to_pylist())
    top = min(config.top, max(1, len(gallery)))
    own = max(len(ids) for ids in held_out.exemplars)
    spare = min(len(gallery), max(BLOCK, top // 10))
    values = np.empty((len(held_out.samples), own + top + spare), np.float32)
    _write_exemplars(values[:, :own], held_out)
    best = RunningTop(values[:, own:], top)
    _stream_gallery(store, encoder, column, held_out, gallery, best)
    width = own + best.values.shape[1]
    if width == own:
        raise InvalidInputError(
            f"no image of {config.gallery!r} is embedded", hint="ingest and embed the gallery"
        )
    exemplar = torch.zeros(len(values), width, dtype=torch.bool)
    kept = torch.from_numpy(values)[:, :width]
    exemplar[:, :own] = kept[:, :own] > -torch.inf
    return Similarities(kept, exemplar)


def _column(store: Store, encoder: str, mapper: str) -> str:
    """The column of the mapper's vectors. InvalidInputError where it was not applied."""
    column = "base" if mapper == RAW else mapped_column(mapper)
    if column not in store.schema(encoder_table(store, encoder)).names:
        raise InvalidInputError(f"{encoder} has no mapper {mapper!r}", hint="train the mapper first")
    return column


def load_held_out(store: Store, encoder: str, mapper: str, config: CalibrationConfig) -> HeldOut:
    """Up to `config.samples` samples of the models of `config.split`. Errors as for `load_similarities`."""
    column = _column(store, encoder, mapper)
    models = load_models(store, config.split, embedded_items(store, encoder))
    if not models:
        raise InvalidInputError(
            f"no embedded model has the split {config.split!r}",
            hint=f"customize, sample and embed models with split {config.split!r} first",
        )
    pairs = [(index, sample) for index, model in enumerate(models) for sample in model.sample_ids()]
    if len(pairs) > config.samples:
        chosen = np.random.default_rng(config.seed).choice(len(pairs), config.samples, replace=False)
        pairs = [pairs[index] for index in sorted(chosen.tolist())]
    items = {sample for _, sample in pairs} | {image for model in models for image in model.exemplars}
    features = load_features(store, encoder, items, column)
    return HeldOut(
        normalize(features.of([sample for _, sample in pairs]), dim=1).numpy(),
        [index for index, _ in pairs],
        [model.exemplars for model in models],
        [normalize(features.of(model.exemplars), dim=1).numpy() for model in models],
        [model.kind for model in models],
    )


def _write_exemplars(values: Rows, held_out: HeldOut) -> None:
    """Fill (samples, most exemplars) with the similarities of each sample's own exemplars."""
    values.fill(-np.inf)
    for index, model in enumerate(held_out.models):
        own = held_out.exemplar_rows[model] @ held_out.samples[index]
        values[index, : len(own)] = own


def _stream_gallery(
    store: Store, encoder: str, column: str, held_out: HeldOut, gallery: set[str], best: RunningTop
) -> None:
    """Add the similarities to the gallery without a sample's own exemplars, which are counted already."""
    owners: dict[str, list[int]] = {}
    for model, ids in enumerate(held_out.exemplars):
        for image in ids:
            owners.setdefault(image, []).append(model)
    models = np.array(held_out.models)
    for batch in store.scan(vectors_table(encoder), ["item_id", column], batch_rows=BLOCK):
        items = batch["item_id"].to_pylist()
        picked = [row for row, item in enumerate(items) if item in gallery]
        if not picked:
            continue
        block = normalize(torch.from_numpy(to_rows(batch[column]))[picked], dim=1).numpy()
        scores = held_out.samples @ block.T
        for column_index, row in enumerate(picked):
            if own := owners.get(items[row]):
                scores[np.isin(models, own), column_index] = -np.inf
        best.add(scores)
