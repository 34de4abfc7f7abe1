"""What one training of a mapper reads, in memory: models, features and augmented views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..runtime import encoder_parts
from ..runtime.mapper import to_rows
from ..store import Store, vectors_table, views_table
from ..store.errors import InvalidInputError, NotFoundError
from .config import MapperConfig
from .pairs import CUSTOMIZED, UNTOUCHED, TrainModel, load_models, take_pairs

_MORE_MODELS = {
    CUSTOMIZED: "customize, sample and embed models with split 'train' first",
    UNTOUCHED: "plan, sample and embed the untouched base first: ingest plan --method none (docs/train.md)",
}


@dataclass(frozen=True)
class FeatureMatrix:
    """`rows` (items, dim) float32; `index` maps each item to its row."""

    index: dict[str, int]
    rows: Tensor

    def of(self, items: Sequence[str]) -> Tensor:
        """The rows of `items`, in their order."""
        return self.rows[[self.index[item] for item in items]]


def embedded_items(store: Store, encoder: str) -> set[str]:
    """The ids of all items that have a vector. NotFoundError when the encoder has no table yet."""
    return set(store.read(encoder_table(store, encoder), ["item_id"])["item_id"].to_pylist())


def load_features(store: Store, encoder: str, items: set[str], column: str = "base") -> FeatureMatrix:
    """The vectors of `items`; those that have none are left out."""
    index: dict[str, int] = {}
    blocks: list[NDArray[np.float32]] = []
    for batch in store.scan(encoder_table(store, encoder), ["item_id", column], batch_rows=4096):
        ids = batch["item_id"].to_pylist()
        picked = [row for row, item in enumerate(ids) if item in items]
        if not picked:
            continue
        vectors = batch[column].take(pa.array(picked))
        if vectors.null_count:
            raise InvalidInputError(
                f"{vectors.null_count} items of {encoder} have no {column}", hint="embed again to fill it"
            )
        for row in picked:
            index[ids[row]] = len(index)
        blocks.append(to_rows(vectors))
    dim = store.schema(encoder_table(store, encoder)).field(column).type.list_size
    rows = np.concatenate(blocks) if blocks else np.zeros((0, dim), np.float32)
    return FeatureMatrix(index, torch.from_numpy(rows))


def load_views(
    store: Store, encoder: str, features: FeatureMatrix, views: int, augment: str = "mild"
) -> Tensor:
    """(items, 1 + views, dim): each item's plain feature, then its views (plain where one is missing).

    Raises InvalidInputError when fewer views are embedded than asked for.
    """
    stacked = features.rows.unsqueeze(1).repeat(1, 1 + views, 1)
    if not views:
        return stacked
    table = views_table(encoder, augment)
    newest = -1
    if table in store.tables():
        for batch in store.scan(table, ["item_id", "view", "base"], f"view < {views}", batch_rows=4096):
            ids, numbers = batch["item_id"].to_pylist(), batch["view"].to_pylist()
            picked = [row for row, item in enumerate(ids) if item in features.index]
            if picked:
                where = [features.index[ids[row]] for row in picked]
                which = [1 + numbers[row] for row in picked]
                stacked[where, which] = torch.from_numpy(to_rows(batch["base"].take(pa.array(picked))))
                newest = max(newest, max(which) - 1)
    if newest + 1 < views:
        kind = "" if augment == "mild" else f"{augment}ly "
        raise InvalidInputError(
            f"{views} {kind}augmented views of {encoder} were requested, {newest + 1} are embedded",
            hint="embed the views first, or train with views=0",
        )
    return stacked


def encoder_table(store: Store, encoder: str) -> str:
    """The table of its vectors. Raises NotFoundError when nothing is embedded."""
    table = vectors_table(encoder)
    if table not in store.tables():
        raise NotFoundError(
            f"nothing is embedded with {encoder!r}",
            hint=f"attribase -s STORE ingest embed --encoder {encoder}",
        )
    return table


@dataclass(frozen=True)
class TrainingData:
    """Models to train and to validate on.

    features: the plain features of every item involved. views: (training items, 1 + views, dim), what pairs
    are drawn from; view_row is each training item's row in it. gallery: what validation searches.
    negatives: gallery images to train against. spans: the parts of a feature that have maps of their own.
    """

    models: list[TrainModel]
    held_out: list[TrainModel]
    gallery: list[str]
    negatives: list[str]
    features: FeatureMatrix
    views: Tensor
    view_row: dict[str, int]
    spans: list[tuple[int, int]]


def load_data(
    store: Store, encoder: str, config: MapperConfig, splits: Sequence[str] = ("train",)
) -> TrainingData:
    """Read the models of `splits`, those of `val` to validate on, their features and views.

    Raises InvalidInputError for fewer than two models to train on, or missing views.
    """
    embedded = embedded_items(store, encoder)
    models = [
        model for split in splits for model in load_models(store, split, embedded, config.kinds, config.on)
    ]
    if config.pairs is not None:
        models = take_pairs(models, config.pairs)
    if len(models) < 2:
        raise InvalidInputError(
            f"{len(models)} embedded training models of kind {' or '.join(config.kinds)}, 2 are needed",
            hint=_MORE_MODELS[config.on],
        )
    held_out = load_models(store, "val", embedded, config.kinds, config.on)
    members = store.read("members").to_pylist()
    gallery = sorted({row["image_id"] for row in members if row["collection"] == config.gallery} & embedded)
    # ids are hashes, so these are random choices; from both ends, they have nothing in common where possible
    negatives = gallery[-config.negative_images :] if config.negatives else []
    gallery = gallery[: config.validation_images]
    training, validation = _items(models), _items(held_out)
    features = load_features(store, encoder, training | validation | {*gallery, *negatives})
    ordered = sorted(training)
    own = FeatureMatrix({item: row for row, item in enumerate(ordered)}, features.of(ordered))
    views = load_views(store, encoder, own, config.views, config.augment)
    spans = _spans(store, encoder, features.rows.shape[1], config.blocks)
    return TrainingData(models, held_out, gallery, negatives, features, views, own.index, spans)


def _items(models: Sequence[TrainModel]) -> set[str]:
    """The exemplars and samples of `models`, by id."""
    return {item for model in models for item in (*model.exemplars, *model.sample_ids())}


def _spans(store: Store, encoder: str, dim: int, blocks: bool) -> list[tuple[int, int]]:
    """The parts of a composite encoder's features, or the whole."""
    if not blocks:
        return [(0, dim)]
    return [(part.start, part.stop) for part in encoder_parts(store, encoder)]
