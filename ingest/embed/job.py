"""Fill `vectors_<encoder>`: the raw feature of every image and sample that has bytes and no vector yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial

from ...runtime import MapperPair
from ...runtime.cluster import check_placement, connect
from ...runtime.composite import composite_parts
from ...runtime.decode import stored_pixel_limit
from ...runtime.mapper import fill_column, mapper_names
from ...runtime.model_files import encoder_row
from ...store import Step, Store, mapped_column
from .captions import Captions
from .cluster import EmbeddingWork, embed_on
from .commit import PendingItem
from .compose import compose_vectors
from .decode import ImageDecoder
from .networks import FEW_IMAGES, default_batch, default_shard, default_workers, load_networks, on_gpu
from .pipeline import open_pipeline
from .plan import Target
from .run import EmbeddingRun


def embed(
    store: Store,
    encoder: str,
    *,
    batch: int | None = None,
    workers: int | None = None,
    shard_size: int | None = None,
    where: str | None = None,
    retry_failed: bool = False,
    pixel_limit: int | None = None,
    devices: Sequence[int] | None = None,
    ray: str | None = None,
) -> Iterator[Step]:
    """Embed what is not embedded yet, one committed shard at a time.

    An item that cannot be embedded is recorded in `failures` under the stage `embed:<encoder>` with its
    reason ('empty', 'not-an-image', 'truncated', 'too-many-pixels', 'decoder-error', 'crashed', 'nan') and
    not tried again. Of a file with several frames or pages the first is embedded, and 'animated' noted.
    Columns of mappers that are trained already are filled. Of a composite every part is embedded, with the
    settings given, then all items that every part has are joined.

    Args:
        store: the store, with the encoder exported into it.
        encoder: name of the encoder.
        batch: images at once through the network; by default 8 on a CPU, which is also the most there (more
            fall out of its cache), and 64 on a GPU, an eighth of that for encoders of large images.
        workers: processes that decode and resize, 0 to do so in this one; by default see `default_workers`.
            A decoder that crashes takes its process with it: only other processes survive such an image.
        shard_size: items a commit; by default what takes some seconds: 1024, more with many cores or a GPU.
        where: SQL condition on columns of `images` or `samples`: only what satisfies it. A table that lacks
            a column of it is left out.
        retry_failed: try again what failed before.
        pixel_limit: refuse images with more pixels, before decoding them; by default `PIXEL_LIMIT`, or what
            the largest image has that ingest let in.
        devices: numbers of the GPUs to use, -1 for the CPU; by default all GPUs there are, else the CPU.
        ray: embed on the Ray cluster at this address, `HOST:PORT` or `auto`: on its GPUs where it has any,
            else on its cores; without `devices`. `workers` decode for each of those.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
        InvalidInputError: `where` fits neither table, or `devices` with `ray`. See `runtime.cluster.connect`.
    """
    check_placement(devices, ray)
    if parts := composite_parts(encoder_row(store, encoder)):
        part = partial(
            embed,
            store,
            batch=batch,
            workers=workers,
            shard_size=shard_size,
            where=where,
            retry_failed=retry_failed,
            pixel_limit=pixel_limit,
            devices=devices,
            ray=ray,
        )
        _ensure_table(store, encoder, parts[-1].stop)
        with connect(ray) if ray is not None else nullcontext():
            yield from compose_vectors(store, encoder, parts, part)
        return
    if ray is not None:
        table = _ensure_table(store, encoder, int(encoder_row(store, encoder)["dim"]))
        work = EmbeddingWork(Target(store, encoder, table, where, retry_failed), batch, workers, pixel_limit)
        with connect(ray) as cluster:
            yield from embed_on(cluster, work, shard_size)
        return
    networks = load_networks(store, encoder, devices)
    table = _ensure_table(store, encoder, networks[0].dim)
    target = Target(store, encoder, table, where, retry_failed)
    run = EmbeddingRun.plan(target, shard_size or default_shard(networks))
    yield Step(target.stage, run.done, run.total)
    if run.left:
        limit = pixel_limit or stored_pixel_limit(store)
        decoder = ImageDecoder(networks[0].preprocessing, limit, compiled=run.left > FEW_IMAGES)
        captions = Captions(store) if networks[0].captions else None
        workers = default_workers(run.left, gpu=on_gpu(networks)) if workers is None else workers
        batch = batch or default_batch(run.left, networks)
        with open_pipeline(networks, decoder, _captions, batch=batch, workers=workers) as pipeline:
            yield from run.run(pipeline, captions)


def _ensure_table(store: Store, encoder: str, dim: int) -> str:
    """The vector table, with a column of every mapper: one trained before there was any vector has none."""
    table = store.ensure_vectors(encoder, dim)
    for mapper in mapper_names(store, encoder):
        if mapped_column(mapper) not in store.schema(table).names:
            fill_column(store, encoder, mapper, MapperPair.load(store, encoder, mapper))
    return table


def _captions(items: Sequence[PendingItem]) -> list[str]:
    return [item.caption for item in items]
