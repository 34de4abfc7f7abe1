"""Fill `vectors_<encoder>`: the raw feature of every image and sample that has bytes and no vector yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from time import monotonic

from ...runtime import MapperPair
from ...runtime.composite import composite_parts
from ...runtime.decode import stored_pixel_limit
from ...runtime.mapper import fill_column, mapper_names
from ...runtime.model_files import encoder_row
from ...store import Job, Step, Store, mapped_column
from ...store.schema import ITEM_TABLES
from .captions import Captions
from .commit import PendingItem, ShardCommitter
from .compose import compose_vectors
from .decode import ImageDecoder
from .networks import FEW_IMAGES, default_batch, default_shard, default_workers, load_networks, on_gpu
from .pipeline import EmbeddingPipeline, open_pipeline
from .plan import KnownIds, Target, count_missing, new_jobs, open_jobs, split_missing

PROGRESS_SECONDS = 5.0


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
        batch: images at once through the network; by default 8 on a CPU (more only fall out of its cache)
            and 64 on a GPU, an eighth of that for encoders of large images.
        workers: processes that decode and resize, 0 to do so in this one; by default see `default_workers`.
            A decoder that crashes takes its process with it: only other processes survive such an image.
        shard_size: items a commit; by default what takes some seconds: 1024, more with many cores or a GPU.
        where: SQL condition on columns of `images` or `samples`: only what satisfies it. A table that lacks
            a column of it is left out.
        retry_failed: try again what failed before.
        pixel_limit: refuse images with more pixels, before decoding them; by default `PIXEL_LIMIT`, or what
            the largest image has that ingest let in.
        devices: numbers of the GPUs to use, -1 for the CPU; by default all GPUs there are, else the CPU.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
        InvalidInputError: `where` fits neither table.
    """
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
        )
        _ensure_table(store, encoder, parts[-1].stop)
        yield from compose_vectors(store, encoder, parts, part)
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


@dataclass(frozen=True)
class EmbeddingRun:
    """Jobs that a killed run left open, then new ones for what is missing: `total` items, `done` are done."""

    target: Target
    jobs: Iterator[Job]
    known: KnownIds
    done: int
    total: int

    @classmethod
    def plan(cls, target: Target, shard_size: int) -> EmbeddingRun:
        """What there is to do. With a condition, jobs that were left open wait for a run without one."""
        found = [] if target.where is not None else open_jobs(target)
        planned = [item.partition(":")[2] for job in found for shard in job.pending() for item in shard.items]
        known = target.known()
        new = target.known(planned) if planned else known
        jobs = chain(found, new_jobs(target, new, shard_size))
        done, total = sum(job.done_items for job in found), sum(job.total_items for job in found)
        return cls(target, jobs, known, done, total + count_missing(target, new))

    @property
    def left(self) -> int:
        """Items to do."""
        return self.total - self.done

    def run(
        self, pipeline: EmbeddingPipeline[PendingItem], captions: Captions | None = None
    ) -> Iterator[Step]:
        """Embed and commit, with `captions` of the items where the encoder looks at them.

        Steps come with every commit, and in between where those are far apart.
        """
        committer = ShardCommitter(self.target)
        progress = Progress(self.target.stage, self.done, self.total, captions)
        with closing(committer), closing(pipeline.run(self._source(committer, captions))) as batches:
            for batch in batches:
                committer.add(batch)
                progress.embedded += len(batch.items)
                for commit in committer.committed():
                    yield progress.step(commit.items, commit.failed)
                if monotonic() - progress.reported > PROGRESS_SECONDS:
                    yield progress.step()
            for commit in committer.committed(wait_for_all=True):
                yield progress.step(commit.items, commit.failed)

    def _source(
        self, committer: ShardCommitter, captions: Captions | None
    ) -> Iterator[tuple[PendingItem, bytes]]:
        """Every item with its bytes, in the order of the shards; blobs are located once a job."""
        for job in self.jobs:
            shards = [(shard, split_missing(shard, self.known)) for shard in job.pending()]
            located = {}
            for kind, (table, *_) in ITEM_TABLES.items():
                if ids := [item for _, missing in shards for item in missing.get(kind, ())]:
                    located[kind] = self.target.store.locate_blobs(table, "bytes", ids)
            for shard, missing in shards:
                number = committer.expect(job, shard, sum(map(len, missing.values())))
                for kind, ids in missing.items():
                    texts = captions(kind, ids) if captions else [""] * len(ids)
                    for text, (item, data) in zip(texts, located[kind].read(ids), strict=True):
                        yield PendingItem(number, kind, item, text), data or b""


@dataclass
class Progress:
    """How far a run is, and how fast: `embedded` items went through the network, `done` are committed."""

    stage: str
    done: int
    total: int
    captions: Captions | None = None
    failed: int = 0
    embedded: int = 0
    began: float = field(default_factory=monotonic)
    reported: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self._left = self.total - self.done

    def step(self, items: int = 0, failed: int = 0) -> Step:
        """The step after `items` more were committed, `failed` of them without a vector."""
        self.done, self.failed, self.reported = self.done + items, self.failed + failed, monotonic()
        speed = self.embedded / max(self.reported - self.began, 1e-6)
        parts = [f"{speed:,.0f} images/s" if speed >= 10 else f"{speed:.1f} images/s"]
        if speed and self.done < self.total:
            parts.append(f"{format_duration((self._left - self.embedded) / speed)} left")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.captions and self.captions.warning:
            parts.append(f"{self.captions.empty} without a caption ({self.captions.warning})")
        return Step(self.stage, self.done, self.total, ", ".join(parts))


def format_duration(seconds: float) -> str:
    """Seconds in the unit that people would use: '40 s', '12 min', '3.5 h'."""
    if seconds < 100:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
