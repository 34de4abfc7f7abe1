"""Augmented views of stored items: how one is decoded, which there are to embed, and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from ...runtime import Preprocessing
from ...runtime.mapper import vector_array
from ...store import Shard, Store
from ...store.schema import ITEM_TABLES
from .augmentation import augment_mildly, augment_strongly, view_generator
from .captions import Captions
from .decode import ImageDecoder
from .pipeline import Batch

Source: TypeAlias = tuple[bytes, str, int]  # encoded image, item id, number of the view


@dataclass(frozen=True)
class ViewDecoder(ImageDecoder):
    """Decodes an image and augments it into one of its views. See `view_decoder`."""

    seed: int = 0
    augment: str = "mild"

    def read(self, source: Source) -> tuple[Image.Image, bool]:
        """The view of `source`."""
        data, item, view = source
        image, more = super().read(data)
        rng = view_generator(self.seed, item, view)
        if self.augment == "mild":
            return augment_mildly(image, rng), more
        return augment_strongly(image, rng, self.preprocessing.size, view), more


def view_decoder(preprocessing: Preprocessing, pixel_limit: int, seed: int, augment: str) -> ViewDecoder:
    """The decoder of views. A strong one is already what the encoder sees: it is not cropped again."""
    if augment != "mild":
        preprocessing = replace(preprocessing, resize=None)
    return ViewDecoder(preprocessing, pixel_limit, seed=seed, augment=augment)


@dataclass(frozen=True)
class View:
    """A view to embed, with the number of its shard in this run and the caption of its item."""

    shard: int
    item: str
    number: int
    caption: str


def captions_of(views: Sequence[View]) -> list[str]:
    """The captions of some views."""
    return [view.caption for view in views]


def read_views(
    store: Store, shards: Sequence[Shard], views: int, captions: Captions | None
) -> Iterator[tuple[View, Source]]:
    """All views of the items of `shards` that have bytes, in order."""
    for number, shard in enumerate(shards):
        for kind, (table, *_) in ITEM_TABLES.items():
            ids = [item.partition(":")[2] for item in shard.items if item.startswith(f"{kind}:")]
            texts = captions(kind, ids) if captions else [""] * len(ids)
            for text, (item, data) in zip(texts, store.blobs(table, "bytes", ids), strict=True):
                for view in range(views if data else 0):
                    yield View(number, item, view, text), (data or b"", item, view)


def by_shard(
    shards: Sequence[Shard], batches: Iterator[Batch[View]]
) -> Iterator[tuple[Shard, pa.Table | None]]:
    """Each shard with the rows of its views, once all of them are embedded; None where none could be."""
    found: list[tuple[View, NDArray[np.float32]]] = []
    current = 0
    for batch in batches:
        for view, failure, features in zip(batch.items, batch.failures, batch.features, strict=True):
            while current < view.shard:
                yield shards[current], _rows(found)
                found, current = [], current + 1
            if failure is None or not failure.fatal:
                found.append((view, features))
    for shard in shards[current:]:
        yield shard, _rows(found)
        found = []


def _rows(found: Sequence[tuple[View, NDArray[np.float32]]]) -> pa.Table | None:
    """Rows (item_id, view, base)."""
    if not found:
        return None
    columns: dict[str, Any] = {
        "item_id": pa.array([view.item for view, _ in found]),
        "view": pa.array([view.number for view, _ in found], pa.int32()),
        "base": vector_array(np.stack([features for _, features in found])),
    }
    return pa.table(columns)
