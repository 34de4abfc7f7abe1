"""Embedding on a cluster: its workers read, decode, embed and stage shards; this process commits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from ...runtime import OnnxEncoder
from ...runtime.cluster import Cluster, ClusterRun, Done
from ...runtime.decode import stored_pixel_limit
from ...runtime.tasks import Handler, WorkerTask
from ...store import Failure, Step
from ...store.lookup import BlobRows
from ...store.schema import ITEM_TABLES
from ...store.staged import StagedRows, commit_staged, stage_rows
from .captions import Captions
from .commit import PendingItem, ShardFeatures, record_outcome
from .decode import ImageDecoder
from .networks import CPU_SHARD, FEW_IMAGES, GPU_SHARD, default_batch, load_networks
from .pipeline import EmbeddingPipeline, open_pipeline
from .plan import Target
from .run import EmbeddingRun, PendingShard, Progress, read_items


@dataclass(frozen=True)
class EmbeddingWork:
    """What the workers of one run share. Batch, workers and pixel limit as for `embed`.

    `images` is how many the whole run has, `cores` is what each worker has.
    """

    target: Target
    batch: int | None
    workers: int | None
    pixel_limit: int | None
    images: int = 0
    cores: int = 1


@dataclass(frozen=True)
class LocatedShard:
    """The missing items of a shard: of each kind the version of its table, and their rows and sizes."""

    items: Mapping[str, tuple[int, Mapping[str, tuple[int, int]]]]

    @classmethod
    def of(cls, shard: PendingShard) -> LocatedShard:
        """What a worker needs of `shard`."""
        return cls(
            {
                kind: (
                    int(shard.blobs[kind].dataset.version),
                    {item: shard.blobs[kind].rows[item] for item in ids},
                )
                for kind, ids in shard.missing.items()
            }
        )


@dataclass(frozen=True)
class EmbeddedShard:
    """Rows that a worker staged, what failed, and what its captions lack (see `Captions`)."""

    rows: StagedRows
    failures: Sequence[Failure]
    warning: str | None = None


def embed_on(cluster: Cluster, work: EmbeddingWork, shard_size: int | None) -> Iterator[Step]:
    """Embed what is missing with workers of the cluster."""
    target, demand = work.target, cluster.demand(lanes=True)
    size = shard_size or (GPU_SHARD if demand.gpus else max(CPU_SHARD, 512 * int(demand.cpus)))
    run = EmbeddingRun.plan(target, size)
    yield Step(target.stage, run.done, run.total)
    if not run.left:
        return
    limit = work.pixel_limit or stored_pixel_limit(target.store)
    shared = replace(work, images=run.left, cores=int(demand.cpus), pixel_limit=limit)
    remote = ClusterRun(cluster, open_worker, shared, target.store.uri, demand)
    shards: dict[str, PendingShard] = {}
    progress = Progress(target.stage, run.done, run.total)
    for done in remote.run(_tasks(run, shards), -(-run.left // size)):
        items, failed = _commit(target, done, shards)
        progress.embedded += items
        step = progress.step(items, failed)
        notes = [step.note, remote.describe(), *{result.warning for _, result in done if result.warning}]
        yield replace(step, note=", ".join(notes))


def _tasks(run: EmbeddingRun, shards: dict[str, PendingShard]) -> Iterator[WorkerTask]:
    for shard in run.shards():
        key = f"{shard.job.job_id}:{shard.shard.index}"
        shards[key] = shard
        yield WorkerTask(key, f"shard {shard.shard.index}", LocatedShard.of(shard))


def _commit(target: Target, done: Done, shards: dict[str, PendingShard]) -> tuple[int, int]:
    """Commit shards: rows first, then what failed, then that they are done. Returns (items, failed items)."""
    commit_staged(target.store, [result.rows for _, result in done])
    failed, items = 0, 0
    finished: dict[str, list[PendingShard]] = {}
    for task, result in done:
        failed += record_outcome(target, result.rows.names["item_id"].to_pylist(), result.failures)
        shard = shards.pop(task.key)
        finished.setdefault(shard.job.job_id, []).append(shard)
        items += len(shard.shard.items)
    for some in finished.values():
        some[0].job.finish_all([one.shard for one in some])
    return items, failed


def open_worker(work: EmbeddingWork, device: str) -> Handler:
    """In a worker: load the encoder; the returned function embeds and stages one shard."""
    networks = load_networks(
        work.target.store, work.target.encoder, [0] if device != "cpu" else [-1], work.cores
    )
    return ShardEmbedder(work, networks).embed


class ShardEmbedder:
    """Embeds shards with one pipeline, which stays open."""

    def __init__(self, work: EmbeddingWork, networks: Sequence[OnnxEncoder]) -> None:
        self._work, self._networks = work, networks
        self._captions = Captions(work.target.store) if networks[0].captions else None
        self._open = ExitStack()

    @cached_property
    def _pipeline(self) -> EmbeddingPipeline[PendingItem]:
        work, networks = self._work, self._networks
        workers = work.workers
        if workers is None:
            workers = max(1, work.cores - 1) if networks[0].device != "cpu" else 0
        decoder = ImageDecoder(
            networks[0].preprocessing,
            work.pixel_limit or stored_pixel_limit(work.target.store),
            compiled=work.images > FEW_IMAGES,
        )
        return self._open.enter_context(
            open_pipeline(
                networks,
                decoder,
                lambda items: [item.caption for item in items],
                batch=work.batch or default_batch(work.images, networks),
                workers=workers,
            )
        )

    def embed(self, shard: LocatedShard) -> EmbeddedShard:
        """Embed the items of a shard and stage their rows."""
        target, features = self._work.target, ShardFeatures()
        for batch in self._pipeline.run(self._read(shard)):
            for one in zip(batch.items, batch.failures, batch.features, strict=True):
                features.add(*one)
        tables = features.rows(target)
        rows = pa.concat_tables(tables) if tables else target.store.schema(target.table).empty_table()
        staged = stage_rows(target.store, target.table, rows)
        return EmbeddedShard(staged, features.failures, self._captions.warning if self._captions else None)

    def _read(self, shard: LocatedShard) -> Iterator[tuple[PendingItem, bytes]]:
        for kind, (version, rows) in shard.items.items():
            dataset = self._work.target.store.dataset(ITEM_TABLES[kind].table, version)
            yield from read_items(0, kind, list(rows), BlobRows(dataset, "bytes", rows), self._captions)
