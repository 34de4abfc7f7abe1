"""Fill `views_<encoder>`: features of augmented views, so that training need not run the encoder again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from ...runtime import Preprocessing
from ...runtime.composite import EncoderPart, composite_parts
from ...runtime.decode import stored_pixel_limit
from ...runtime.mapper import vector_array
from ...runtime.model_files import encoder_row
from ...store import Job, Shard, Step, Store
from ...store.schema import ITEM_TABLES
from .augmentation import augment_mildly, augment_strongly, view_generator
from .captions import Captions
from .compose import view_rows
from .decode import ImageDecoder
from .networks import default_batch, default_workers, load_networks, on_gpu
from .pipeline import Batch, open_pipeline

KIND = "embed-views"
SHARD_SIZE = 1024

Source: TypeAlias = tuple[bytes, str, int]  # encoded image, item id, number of the view


def embed_views(
    store: Store,
    encoder: str,
    views: int = 4,
    seed: int = 0,
    *,
    augment: str = "mild",
    batch: int | None = None,
    workers: int | None = None,
) -> Iterator[Step]:
    """Embed `views` augmented views of the exemplars and samples of all training models.

    A "mild" view is flipped with probability 1/2 and cropped at random, a "strong" one is altered as DINO's
    (see `augmentation`) and kept in a table of its own; how depends on `seed`, the item and the view's number
    alone. Validation and test use the centre crop, which
    `embed` stores, so their models are left out. Items that do not decode are skipped: `embed` says why.
    `batch` and `workers` as for `embed`. Of a composite the views of every part are embedded, then joined.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
    """
    if parts := composite_parts(encoder_row(store, encoder)):
        for part in parts:
            yield from embed_views(
                store, part.name, views, seed, augment=augment, batch=batch, workers=workers
            )
        yield from _compose_views(store, encoder, parts, ViewPlan(views, seed, augment))
        return
    networks = load_networks(store, encoder, None)
    table = store.ensure_views(encoder, networks[0].dim, augment)
    job = ViewPlan(views, seed, augment).job(store, encoder)
    done, stage, shards = job.done_items, f"{KIND}:{encoder}", job.pending()
    yield Step(stage, done, job.total_items)
    if not shards:
        return
    captions = Captions(store) if networks[0].captions else None
    images = views * (job.total_items - done)
    decoder = view_decoder(networks[0].preprocessing, stored_pixel_limit(store), seed, augment)
    batch = batch or default_batch(images, networks)
    workers = default_workers(images, gpu=on_gpu(networks)) if workers is None else workers
    with (
        open_pipeline(networks, decoder, _captions, batch=batch, workers=workers) as pipeline,
        closing(pipeline.run(_read_views(store, shards, views, captions))) as batches,
    ):
        for shard, rows in _by_shard(shards, batches):
            if rows is not None:
                store.upsert(table, rows, update=True)
            job.finish(shard)
            done += len(shard.items)
            yield Step(stage, done, job.total_items, (captions and captions.warning) or "")


@dataclass(frozen=True)
class ViewPlan:
    """Which views are embedded."""

    views: int
    seed: int
    augment: str

    def job(self, store: Store, encoder: str) -> Job:
        """The job that embeds them, as far as it is done."""
        spec = {"encoder": encoder, "views": self.views, "seed": self.seed}
        strong = {} if self.augment == "mild" else {"augment": self.augment}
        return store.jobs.plan(KIND, spec | strong, _training_items(store), SHARD_SIZE)


def _compose_views(
    store: Store, encoder: str, parts: Sequence[EncoderPart], plan: ViewPlan
) -> Iterator[Step]:
    """Join the views of `parts`, which are the same views: they depend on seed, item and number alone."""
    table = store.ensure_views(encoder, parts[-1].stop, plan.augment)
    job = plan.job(store, encoder)
    done, stage = job.done_items, f"{KIND}:{encoder}"
    yield Step(stage, done, job.total_items)
    for shard in job.pending():
        ids = [item.partition(":")[2] for item in shard.items]
        rows = view_rows(store, parts, ids, plan.views, plan.augment)
        if rows is not None:
            store.upsert(table, rows, update=True)
        job.finish(shard)
        done += len(shard.items)
        yield Step(stage, done, job.total_items)


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
class _View:
    shard: int
    item: str
    number: int
    caption: str


def _captions(views: Sequence[_View]) -> list[str]:
    return [view.caption for view in views]


def _read_views(
    store: Store, shards: Sequence[Shard], views: int, captions: Captions | None
) -> Iterator[tuple[_View, Source]]:
    """All views of the items of `shards` that have bytes, in order."""
    for number, shard in enumerate(shards):
        for kind, (table, *_) in ITEM_TABLES.items():
            ids = [item.partition(":")[2] for item in shard.items if item.startswith(f"{kind}:")]
            texts = captions(kind, ids) if captions else [""] * len(ids)
            for text, (item, data) in zip(texts, store.blobs(table, "bytes", ids), strict=True):
                for view in range(views if data else 0):
                    yield _View(number, item, view, text), (data or b"", item, view)


def _by_shard(
    shards: Sequence[Shard], batches: Iterator[Batch[_View]]
) -> Iterator[tuple[Shard, pa.Table | None]]:
    """Each shard with the rows of its views, once all of them are embedded; None where none could be."""
    found: list[tuple[_View, NDArray[np.float32]]] = []
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


def _rows(found: Sequence[tuple[_View, NDArray[np.float32]]]) -> pa.Table | None:
    """Rows (item_id, view, base)."""
    if not found:
        return None
    columns: dict[str, Any] = {
        "item_id": pa.array([view.item for view, _ in found]),
        "view": pa.array([view.number for view, _ in found], pa.int32()),
        "base": vector_array(np.stack([features for _, features in found])),
    }
    return pa.table(columns)


def _training_items(store: Store) -> list[str]:
    """`kind:id` of the exemplars and samples of models with split 'train' that are in the store."""
    models = store.read("models", ["model_id", "exemplar_ids"], "split = 'train'").to_pylist()
    exemplars = {image for model in models for image in model["exemplar_ids"]}
    trained = {model["model_id"] for model in models}
    images = store.existing("images", sorted(exemplars))
    samples = store.read("samples", ["sample_id", "model_id"]).to_pylist()
    kept = sorted(row["sample_id"] for row in samples if row["model_id"] in trained)
    return [f"image:{item}" for item in sorted(images)] + [f"sample:{item}" for item in kept]
