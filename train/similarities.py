"""Similarities of held-out samples to the gallery and to their own exemplars: what calibration fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..runtime.mapper import RAW, to_rows
from ..store import Store, mapped_column, vectors_table
from ..store.errors import InvalidInputError
from .data import embedded_items, load_features
from .pairs import load_models

BLOCK = 4096


@dataclass(frozen=True)
class Similarities:
    """Each row is a sample: (samples, candidates), its own exemplars first, the gallery's largest after.

    Where a row has fewer candidates it is padded with -inf; `exemplar` marks its exemplars.
    """

    values: Tensor
    exemplar: Tensor


@dataclass(frozen=True)
class Queries:
    """Held-out samples (unit rows) and their models' exemplars (unit rows); `owner`: each sample's model."""

    rows: Tensor
    owner: list[int]
    exemplars: list[tuple[str, ...]]
    exemplar_rows: list[Tensor]


def load_similarities(
    store: Store, encoder: str, mapper: str, *, split: str, gallery: str, top: int, samples: int, seed: int
) -> Similarities:
    """The top `top` similarities of up to `samples` samples of `split`, plus their exemplars' own.

    Raises:
        NotFoundError: nothing is embedded. InvalidInputError: no embedded model in `split`, an empty
        gallery, or a mapper that was not applied.
    """
    column = "base" if mapper == RAW else mapped_column(mapper)
    if column not in store.schema(vectors_table(encoder)).names:
        raise InvalidInputError(f"{encoder} has no mapper {mapper!r}", hint="train the mapper first")
    queries = _queries(store, encoder, column, split, samples, seed)
    members = store.read("members").to_pylist()
    wanted = {row["image_id"] for row in members if row["collection"] == gallery}
    best = _top_of_gallery(store, encoder, column, queries, wanted, top)
    if not best.shape[1]:
        raise InvalidInputError(f"no image of {gallery!r} is embedded", hint="ingest and embed the gallery")
    width = max(len(ids) for ids in queries.exemplars)
    own = torch.full((len(queries.rows), width), -torch.inf)
    for index, model in enumerate(queries.owner):
        found = queries.exemplar_rows[model] @ queries.rows[index]
        own[index, : len(found)] = found
    exemplar = torch.cat([own > -torch.inf, torch.zeros_like(best, dtype=torch.bool)], dim=1)
    return Similarities(torch.cat([own, best], dim=1), exemplar)


def _queries(store: Store, encoder: str, column: str, split: str, samples: int, seed: int) -> Queries:
    models = load_models(store, split, embedded_items(store, encoder))
    if not models:
        raise InvalidInputError(
            f"no embedded model has the split {split!r}",
            hint=f"customize, sample and embed models with split {split!r} first",
        )
    pairs = [(index, sample) for index, model in enumerate(models) for sample in model.sample_ids()]
    if len(pairs) > samples:
        chosen = np.random.default_rng(seed).choice(len(pairs), samples, replace=False)
        pairs = [pairs[place] for place in sorted(chosen.tolist())]
    items = {sample for _, sample in pairs} | {image for model in models for image in model.exemplars}
    features = load_features(store, encoder, items, column)
    return Queries(
        normalize(features.of([sample for _, sample in pairs]), dim=1),
        [index for index, _ in pairs],
        [model.exemplars for model in models],
        [normalize(features.of(model.exemplars), dim=1) for model in models],
    )


def _top_of_gallery(
    store: Store, encoder: str, column: str, queries: Queries, wanted: set[str], top: int
) -> Tensor:
    """(samples, <= top) largest similarities to the gallery without the sample's own exemplars; streamed."""
    best = torch.zeros(len(queries.rows), 0)
    owned: dict[str, set[int]] = {}
    for model, ids in enumerate(queries.exemplars):
        for image in ids:
            owned.setdefault(image, set()).add(model)
    owner = torch.tensor(queries.owner)
    for batch in store.scan(vectors_table(encoder), ["item_id", column], batch_rows=BLOCK):
        items: Sequence[str] = batch["item_id"].to_pylist()
        picked = [place for place, item in enumerate(items) if item in wanted]
        if not picked:
            continue
        block = normalize(torch.from_numpy(to_rows(batch[column]))[picked], dim=1)
        scores = queries.rows @ block.T
        for place, row in enumerate(picked):
            for model in owned.get(items[row], ()):
                scores[owner == model, place] = -torch.inf  # counted once, among the exemplars
        best = torch.cat([best, scores], dim=1)
        if best.shape[1] > top:
            best = best.topk(top, dim=1).values
    return best
