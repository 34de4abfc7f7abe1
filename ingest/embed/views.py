"""Fill `views_<encoder>`: features of augmented views, so that training need not run the encoder again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass

from ...runtime.cluster import connect
from ...runtime.composite import EncoderPart, composite_parts
from ...runtime.decode import stored_pixel_limit
from ...runtime.model_files import encoder_row
from ...store import Job, Step, Store
from .captions import Captions
from .compose import view_rows
from .networks import default_batch, default_workers, load_networks, on_gpu
from .pipeline import open_pipeline
from .view_cluster import ViewWork, embed_views_on
from .view_items import by_shard, captions_of, read_views, view_decoder

KIND = "embed-views"
SHARD_SIZE = 1024


def embed_views(
    store: Store,
    encoder: str,
    views: int = 4,
    seed: int = 0,
    *,
    augment: str = "mild",
    batch: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
) -> Iterator[Step]:
    """Embed `views` augmented views of the exemplars and samples of all training models.

    A "mild" view is flipped with probability 1/2 and cropped at random, a "strong" one is altered as DINO's
    (see `augmentation`) and kept in a table of its own; how depends on `seed`, the item and the view's number
    alone. Validation and test use the centre crop, which `embed` stores, so their models are left out. Items
    that do not decode are skipped: `embed` says why. `batch`, `workers` and `ray` as for `embed`. Of a
    composite the views of every part are embedded, then joined.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
    """
    if parts := composite_parts(encoder_row(store, encoder)):
        with connect(ray) if ray is not None else nullcontext():
            for part in parts:
                yield from embed_views(
                    store, part.name, views, seed, augment=augment, batch=batch, workers=workers, ray=ray
                )
        yield from _compose_views(store, encoder, parts, ViewPlan(views, seed, augment))
        return
    if ray is not None:
        table = store.ensure_views(encoder, int(encoder_row(store, encoder)["dim"]), augment)
        job = ViewPlan(views, seed, augment).job(store, encoder)
        with connect(ray) as cluster:
            yield from embed_views_on(
                cluster, job, ViewWork(store, encoder, table, views, seed, augment, batch, workers)
            )
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
        open_pipeline(networks, decoder, captions_of, batch=batch, workers=workers) as pipeline,
        closing(pipeline.run(read_views(store, shards, views, captions))) as batches,
    ):
        for shard, rows in by_shard(shards, batches):
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


def _training_items(store: Store) -> list[str]:
    """`kind:id` of the exemplars and samples of models with split 'train' that are in the store."""
    models = store.read("models", ["model_id", "exemplar_ids"], "split = 'train'").to_pylist()
    exemplars = {image for model in models for image in model["exemplar_ids"]}
    trained = {model["model_id"] for model in models}
    images = store.existing("images", sorted(exemplars))
    samples = store.read("samples", ["sample_id", "model_id"]).to_pylist()
    kept = sorted(row["sample_id"] for row in samples if row["model_id"] in trained)
    return [f"image:{item}" for item in sorted(images)] + [f"sample:{item}" for item in kept]
