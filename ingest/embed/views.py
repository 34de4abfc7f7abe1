"""Fill `views_<encoder>`: features of augmented views, so that training need not run the encoder again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ...runtime import BadImageError, OnnxEncoder, decode_image, load_encoder
from ...runtime.devices import core_count
from ...runtime.mapper import vector_array
from ...store import Job, Step, Store
from ...store.schema import ITEM_TABLES
from .captions import Captions
from .resize import write_pixels

KIND = "embed-views"
AREA = (0.7, 1.0)  # share of the picture that a crop keeps: the paper's "mild" augmentation
RATIO = (0.9, 1.1)  # width / height of the crop, relative to the picture's

SHARD_SIZE = 1024

Item = TypeVar("Item")
Pixels: TypeAlias = NDArray[np.float32]
Tokens: TypeAlias = NDArray[np.int64]
View: TypeAlias = tuple[str, int]


def embed_views(
    store: Store, encoder: str, views: int = 4, seed: int = 0, *, batch: int = 64, workers: int | None = None
) -> Iterator[Step]:
    """Embed `views` augmented views of the exemplars and samples of all training models.

    A view is flipped with probability 1/2 and cropped at random (see `augment`); which ones depends on
    `seed`, the item and the view's number alone. Validation and test use the centre crop, which
    `embed` stores, so their models are left out. Items that do not decode are skipped: `embed` says why.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
    """
    model = load_encoder(store, encoder)
    table = store.ensure_views(encoder, model.dim)
    spec = {"encoder": encoder, "views": views, "seed": seed}
    items = _training_items(store)
    job: Job = store.jobs.plan(KIND, spec, items, SHARD_SIZE)
    done, stage = job.done_items, f"{KIND}:{encoder}"
    captions = Captions(store) if model.captions else None
    yield Step(stage, done, job.total_items)
    with ThreadPoolExecutor(workers or core_count()) as pool:
        for shard in job.pending():
            for kind in ITEM_TABLES:
                ids = [item.partition(":")[2] for item in shard.items if item.startswith(f"{kind}:")]
                texts = dict(zip(ids, captions(kind, ids) if captions else ids, strict=True))
                rows = _view_rows(store, model, pool, kind, texts, (views, seed, batch))
                if rows is not None:
                    store.upsert(table, rows, update=True)
            job.finish(shard)
            done += len(shard.items)
            yield Step(stage, done, job.total_items, (captions and captions.warning) or "")


def augment(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Flip or not, then keep a random window: `AREA` of the picture, its shape within `RATIO`."""
    area = rng.uniform(*AREA)
    stretch = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
    across, down, flip = rng.uniform(), rng.uniform(), rng.uniform() < 0.5
    width = min(image.width, max(1, round(image.width * math.sqrt(area * stretch))))
    height = min(image.height, max(1, round(image.height * math.sqrt(area / stretch))))
    left, top = round(across * (image.width - width)), round(down * (image.height - height))
    window = image.crop((left, top, left + width, top + height))
    return ImageOps.mirror(window) if flip else window


def generator(seed: int, item: str, view: int) -> np.random.Generator:
    """The random numbers of one view: the same whatever else is embedded, in whatever order."""
    digest = hashlib.sha256(f"{seed}/{item}/{view}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _view_rows(
    store: Store,
    model: OnnxEncoder,
    pool: ThreadPoolExecutor,
    kind: str,
    texts: Mapping[str, str],
    how: tuple[int, int, int],
) -> pa.Table | None:
    """Rows (item_id, view, base) of all views of the items in `texts`, captions by id.

    `how` is (views, seed, batch). Captions count where the encoder looks at them.
    """
    views, seed, batch = how

    def prepare(item: tuple[str, int, bytes]) -> Pixels:
        name, view, data = item
        pixels = np.empty((3, model.preprocessing.size, model.preprocessing.size), np.float32)
        write_pixels(augment(decode_image(data), generator(seed, name, view)), model.preprocessing, pixels)
        return pixels

    def tokens(items: Sequence[tuple[str, int, bytes]]) -> Tokens | None:
        return model.tokens([texts[name] for name, _, _ in items])

    blobs = store.blobs(ITEM_TABLES[kind].table, "bytes", list(texts)) if texts else ()
    source = ((item, view, data) for item, data in blobs if data for view in range(views))
    found: dict[View, np.ndarray] = {
        (item, view): value
        for (item, view, _), value in run_batches(model, pool, source, (prepare, tokens), batch)
        if not isinstance(value, BadImageError) and np.isfinite(value).all()
    }
    if not found:
        return None
    return pa.table(
        {
            "item_id": pa.array([item for item, _ in found]),
            "view": pa.array([view for _, view in found], pa.int32()),
            "base": vector_array(np.stack(list(found.values()))),
        }
    )


def run_batches(
    model: OnnxEncoder,
    pool: ThreadPoolExecutor,
    items: Iterable[Item],
    inputs: tuple[Callable[[Item], Pixels], Callable[[Sequence[Item]], Tokens | None]],
    batch: int,
) -> Iterator[tuple[Item, NDArray[np.float32] | BadImageError]]:
    """Each item with its feature (dim,), or with the error that preparing it raised, in order.

    `inputs` make an item's pixels, and the tokens of a batch of items. The next batch is prepared in `pool`
    while the network runs on this one; two are held at a time.
    """
    prepare, tokens = inputs

    def attempt(item: Item) -> tuple[Item, Pixels | BadImageError]:
        try:
            return item, prepare(item)
        except BadImageError as error:
            return item, error

    stream = iter(items)
    ready = [pool.submit(attempt, item) for item in islice(stream, batch)]
    while ready:
        ahead = [pool.submit(attempt, item) for item in islice(stream, batch)]
        prepared = [future.result() for future in ready]
        good = [(item, value) for item, value in prepared if not isinstance(value, BadImageError)]
        features: Iterator[NDArray[np.float32]] = iter(())
        if good:
            pixels = np.stack([value for _, value in good])
            features = iter(model.run(pixels, tokens([item for item, _ in good])))
        for item, value in prepared:
            yield item, value if isinstance(value, BadImageError) else next(features)
        ready = ahead


def _training_items(store: Store) -> list[str]:
    """`kind:id` of the exemplars and samples of models with split 'train' that are in the store."""
    models = store.read("models", ["model_id", "exemplar_ids"], "split = 'train'").to_pylist()
    wanted = {image for model in models for image in model["exemplar_ids"]}
    ours = {model["model_id"] for model in models}
    images = store.existing("images", sorted(wanted))
    samples = store.read("samples", ["sample_id", "model_id"]).to_pylist()
    kept = sorted(row["sample_id"] for row in samples if row["model_id"] in ours)
    return [f"image:{item}" for item in sorted(images)] + [f"sample:{item}" for item in kept]
