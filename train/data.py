"""All that one training of a mapper looks at, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..runtime.mapper import to_rows
from ..store import Store, vectors_table, views_table
from ..store.errors import InvalidInputError, NotFoundError
from .config import MapperConfig
from .pairs import TrainModel, load_models


@dataclass(frozen=True)
class FeatureMatrix:
    """`rows` (items, dim) float32; `index` says where each item's row is."""

    index: dict[str, int]
    rows: Tensor

    def of(self, items: Sequence[str]) -> Tensor:
        """The rows of `items`, in their order."""
        return self.rows[[self.index[item] for item in items]]


def embedded_items(store: Store, encoder: str) -> set[str]:
    """Every item that has a vector. NotFoundError when the encoder has no table yet."""
    return set(store.read(_table(store, encoder), ["item_id"])["item_id"].to_pylist())


def load_features(store: Store, encoder: str, items: set[str], column: str = "base") -> FeatureMatrix:
    """The vectors of `items`; those that have none are left out."""
    index: dict[str, int] = {}
    blocks: list[NDArray[np.float32]] = []
    for batch in store.scan(_table(store, encoder), ["item_id", column], batch_rows=4096):
        ids = batch["item_id"].to_pylist()
        picked = [place for place, item in enumerate(ids) if item in items]
        if not picked:
            continue
        vectors = batch[column].take(pa.array(picked))
        if vectors.null_count:
            raise InvalidInputError(
                f"{vectors.null_count} items of {encoder} have no {column}", hint="embed again to fill it"
            )
        for place in picked:
            index[ids[place]] = len(index)
        blocks.append(to_rows(vectors))
    dim = store.schema(_table(store, encoder)).field(column).type.list_size
    rows = np.concatenate(blocks) if blocks else np.zeros((0, dim), np.float32)
    return FeatureMatrix(index, torch.from_numpy(rows))


def load_views(store: Store, encoder: str, features: FeatureMatrix, views: int) -> Tensor:
    """(items, 1 + views, dim): each item's plain feature, then its views (plain where one is missing).

    Raises InvalidInputError when fewer views are embedded than asked for.
    """
    stacked = features.rows.unsqueeze(1).repeat(1, 1 + views, 1)
    if not views:
        return stacked
    table = views_table(encoder)
    seen = -1
    if table in store.tables():
        for batch in store.scan(table, ["item_id", "view", "base"], f"view < {views}", batch_rows=4096):
            ids, numbers = batch["item_id"].to_pylist(), batch["view"].to_pylist()
            picked = [place for place, item in enumerate(ids) if item in features.index]
            if picked:
                where = [features.index[ids[place]] for place in picked]
                which = [1 + numbers[place] for place in picked]
                stacked[where, which] = torch.from_numpy(to_rows(batch["base"].take(pa.array(picked))))
                seen = max(seen, max(which) - 1)
    if seen + 1 < views:
        raise InvalidInputError(
            f"{views} augmented views of {encoder} are asked for, {seen + 1} are embedded",
            hint="embed the views first, or train with views=0",
        )
    return stacked


def _table(store: Store, encoder: str) -> str:
    table = vectors_table(encoder)
    if table not in store.tables():
        raise NotFoundError(
            f"nothing is embedded with {encoder!r}",
            hint=f"attribase -s STORE ingest embed --encoder {encoder}",
        )
    return table


@dataclass(frozen=True)
class Data:
    """Models to learn from and to validate on.

    features: the plain features of every item involved. views: (taught items, 1 + views, dim), what pairs
    are drawn from; view_row says where each taught item is in it. gallery: what validation searches.
    """

    models: list[TrainModel]
    held_out: list[TrainModel]
    gallery: list[str]
    features: FeatureMatrix
    views: Tensor
    view_row: dict[str, int]


def load_data(store: Store, encoder: str, config: MapperConfig) -> Data:
    """Read it all. Raises InvalidInputError for fewer than two models to learn from, or missing views."""
    known = embedded_items(store, encoder)
    models = load_models(store, "train", known, config.kinds)
    if len(models) < 2:
        raise InvalidInputError(
            f"{len(models)} embedded training models of kind {' or '.join(config.kinds)}, 2 are needed",
            hint="customize, sample and embed models with split 'train' first",
        )
    held_out = load_models(store, "val", known, config.kinds)
    members = store.read("members").to_pylist()
    gallery = sorted({row["image_id"] for row in members if row["collection"] == config.gallery} & known)
    gallery = gallery[: config.validation_images]  # ids are hashes: the first are a random choice
    taught = {item for model in models for item in (*model.exemplars, *model.sample_ids())}
    tested = {item for model in held_out for item in (*model.exemplars, *model.sample_ids())}
    features = load_features(store, encoder, taught | tested | set(gallery))
    seen = sorted(taught)
    own = FeatureMatrix({item: row for row, item in enumerate(seen)}, features.of(seen))
    views = load_views(store, encoder, own, config.views)
    return Data(models, held_out, gallery, features, views, own.index)
