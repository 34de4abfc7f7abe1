"""Fill `vectors_<encoder>`: the raw feature of every image and sample that has bytes and no vector yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from time import monotonic

import pyarrow as pa

from ..runtime import PIXEL_LIMIT, MapperPair, OnnxEncoder, load_encoder
from ..runtime.encoder import cores
from ..runtime.mapping import fill_column
from ..runtime.tokens import FILE, CaptionTokens
from ..store import Job, Step, Store, mapped_column
from ..store.errors import DataError
from .captions import Captions
from .embedding.decoders import Decoders, Ring
from .embedding.decoding import Decoding
from .embedding.ledger import Ledger, Place
from .embedding.pipeline import Pipeline, Tokens, ring_slots
from .embedding.plan import TABLES, Target, count_missing, left_of, new_jobs, open_jobs
from .embedding.rows import mapper_names, vector_array

__all__ = ["embed", "mapper_names", "vector_array"]

SHARD_SIZE = 1024
CPU_BATCH, GPU_BATCH = 8, 64
IN_PROCESS = 512  # images; fewer are decoded before a process would have started
TELL_SECONDS = 5.0


def embed(
    store: Store,
    encoder: str,
    *,
    batch: int | None = None,
    workers: int | None = None,
    shard_size: int = SHARD_SIZE,
    where: str | None = None,
    retry_failed: bool = False,
    pixel_limit: int = PIXEL_LIMIT,
    devices: Sequence[int] | None = None,
) -> Iterator[Step]:
    """Embed what is not embedded yet, one committed shard at a time.

    An item that cannot be embedded is recorded in `failures` under the stage `embed:<encoder>` with its
    reason ('empty', 'not-an-image', 'truncated', 'too-many-pixels', 'decoder-error', 'crashed', 'nan') and
    not tried again. Of a file with several frames or pages the first is embedded, and 'animated' noted.
    Columns of mappers that are trained already are filled.

    Args:
        store: the store, with the encoder exported into it.
        encoder: name of the encoder.
        batch: images at once through the network; by default 8 on a CPU (more only fall out of its cache)
            and 64 on a GPU.
        workers: processes that decode and resize while the network runs, 0 for a thread of this process.
            By default 0 for up to 512 images, then half the cores, or with a GPU all but one.
        shard_size: items a commit.
        where: SQL condition on columns of `images` or `samples`: only what satisfies it. A table that lacks
            a column of it is left out.
        retry_failed: try again what failed before.
        pixel_limit: refuse images with more pixels, before decoding them.
        devices: numbers of the GPUs to use; by default all there are.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
        InvalidInputError: `where` fits neither table.
    """
    networks = load_networks(store, encoder, devices)
    table = store.ensure_vectors(encoder, networks[0].dim)
    for mapper in mapper_names(store, encoder):  # one that came before there was any vector has no column
        if mapped_column(mapper) not in store.schema(table).names:
            fill_column(store, encoder, mapper, MapperPair.load(store, encoder, mapper))
    plan = _plan(Target(store, encoder, table, where, retry_failed), shard_size)
    yield Step(plan.target.stage, plan.done, plan.total)
    left = plan.total - plan.done
    if not left:
        return
    gpu = networks[0].on_gpu
    batch = min(left, batch or (GPU_BATCH if gpu else CPU_BATCH))
    workers = default_workers(left, gpu=gpu) if workers is None else workers
    preprocessing = networks[0].preprocessing
    ring = Ring.allocate(ring_slots(len(networks)), batch, preprocessing.size)
    with Decoders(Decoding(preprocessing, pixel_limit), ring, workers) as decoders:
        pipeline = Pipeline(networks, decoders, ring, _tokens(store, networks[0]))
        yield from _drive(plan, pipeline)


def load_networks(store: Store, encoder: str, devices: Sequence[int] | None) -> list[OnnxEncoder]:
    """The encoder, once a device."""
    return [load_encoder(store, encoder)]


def default_workers(images: int, *, gpu: bool) -> int:
    """Decoding processes for so many images; 0 is none."""
    if images <= IN_PROCESS:
        return 0
    return max(1, cores() - 1 if gpu else cores() // 2)


@dataclass(frozen=True)
class _Plan:
    """What there is to do: jobs that were left open, then what no job has planned yet."""

    target: Target
    jobs: Iterator[Job]
    done: int
    total: int
    known: "KnownIds"


def _plan(target: Target, shard_size: int) -> _Plan:
    found = [] if target.where is not None else open_jobs(target)
    known = target.known()
    done, total = sum(job.done_items for job in found), sum(job.total_items for job in found)
    planned = [item.partition(":")[2] for job in found for shard in job.pending() for item in shard.items]
    new = target.known(planned) if planned else known
    jobs = chain(found, new_jobs(target, new, shard_size))
    return _Plan(target, jobs, done, total + count_missing(target, new), known)


def _drive(plan: _Plan, pipeline: Pipeline[Place]) -> Iterator[Step]:
    """Run the pipeline and commit what it gives, telling how it goes."""
    ledger = Ledger(plan.target)
    speed = Speed(plan.total - plan.done)
    done, failed = plan.done, 0
    try:
        for batch in pipeline.run(_source(plan, ledger)):
            ledger.add(batch)
            speed.count(len(batch.items))
            for commit in ledger.committed():
                done, failed = done + commit.items, failed + commit.failed
                yield Step(plan.target.stage, done, plan.total, speed.note(failed))
            if speed.due():
                yield Step(plan.target.stage, done, plan.total, speed.note(failed))
        for commit in ledger.committed(all_=True):
            done, failed = done + commit.items, failed + commit.failed
            yield Step(plan.target.stage, done, plan.total, speed.note(failed))
    finally:
        ledger.close()
