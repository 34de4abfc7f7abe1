"""Fill `views_<encoder>`: features of augmented views, so that training need not run the encoder again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ...runtime.composite import EncoderPart, composite_parts
from ...runtime.decode import crop_image, stored_pixel_limit
from ...runtime.mapper import vector_array
from ...runtime.model_files import encoder_row
from ...store import Job, Shard, Step, Store
from ...store.schema import ITEM_TABLES
from .captions import Captions
from .compose import view_rows
from .decode import ImageDecoder
from .networks import default_batch, default_workers, load_networks, on_gpu
from .pipeline import Batch, open_pipeline

KIND = "embed-views"
AREA = (0.7, 1.0)  # share of the image that a crop keeps: the paper's "mild" augmentation
RATIO = (0.9, 1.1)  # width / height of the crop, relative to the image's
SHARD_SIZE = 1024

Source: TypeAlias = tuple[bytes, str, int]  # encoded image, item id, number of the view


def embed_views(
    store: Store,
    encoder: str,
    views: int = 4,
    seed: int = 0,
    *,
    batch: int | None = None,
    workers: int | None = None,
) -> Iterator[Step]:
    """Embed `views` augmented views of the exemplars and samples of all training models.

    A view is flipped with probability 1/2 and cropped at random (see `augment`); which ones depends on
    `seed`, the item and the view's number alone. Validation and test use the centre crop, which
    `embed` stores, so their models are left out. Items that do not decode are skipped: `embed` says why.
    `batch` and `workers` as for `embed`. Of a composite the views of every part are embedded, then joined.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
    """
    if parts := composite_parts(encoder_row(store, encoder)):
        for part in parts:
            yield from embed_views(store, part.name, views, seed, batch=batch, workers=workers)
        yield from _compose_views(store, encoder, parts, views, seed)
        return
    networks = load_networks(store, encoder, None)
    table = store.ensure_views(encoder, networks[0].dim)
    job = _plan(store, encoder, views, seed)
    done, stage, shards = job.done_items, f"{KIND}:{encoder}", job.pending()
    yield Step(stage, done, job.total_items)
    if not shards:
        return
    captions = Captions(store) if networks[0].captions else None
    images = views * (job.total_items - done)
    decoder = ViewDecoder(networks[0].preprocessing, stored_pixel_limit(store), seed=seed)
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


def _plan(store: Store, encoder: str, views: int, seed: int) -> Job:
    spec = {"encoder": encoder, "views": views, "seed": seed}
    return store.jobs.plan(KIND, spec, _training_items(store), SHARD_SIZE)


def _compose_views(
    store: Store, encoder: str, parts: Sequence[EncoderPart], views: int, seed: int
) -> Iterator[Step]:
    """Join the views of `parts`, which are the same views: they depend on seed, item and number alone."""
    table = store.ensure_views(encoder, parts[-1].stop)
    job = _plan(store, encoder, views, seed)
    done, stage = job.done_items, f"{KIND}:{encoder}"
    yield Step(stage, done, job.total_items)
    for shard in job.pending():
        rows = view_rows(store, parts, [item.partition(":")[2] for item in shard.items], views)
        if rows is not None:
            store.upsert(table, rows, update=True)
        job.finish(shard)
        done += len(shard.items)
        yield Step(stage, done, job.total_items)


@dataclass(frozen=True)
class ViewDecoder(ImageDecoder):
    """Decodes an image and augments it into one of its views."""

    seed: int = 0

    def read(self, source: Source) -> tuple[Image.Image, bool]:
        """The view of `source`."""
        data, item, view = source
        image, more = super().read(data)
        return augment(image, view_generator(self.seed, item, view)), more


def augment(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Flip or not, then keep a random window: `AREA` of the image, its shape within `RATIO`."""
    area = rng.uniform(*AREA)
    stretch = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
    across, down, flip = rng.uniform(), rng.uniform(), rng.uniform() < 0.5
    width = min(image.width, max(1, round(image.width * math.sqrt(area * stretch))))
    height = min(image.height, max(1, round(image.height * math.sqrt(area / stretch))))
    left, top = round(across * (image.width - width)), round(down * (image.height - height))
    window = crop_image(image, (left, top, left + width, top + height))
    return ImageOps.mirror(window) if flip else window


def view_generator(seed: int, item: str, view: int) -> np.random.Generator:
    """The random numbers of one view: the same whatever else is embedded, in whatever order."""
    digest = hashlib.sha256(f"{seed}/{item}/{view}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


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
