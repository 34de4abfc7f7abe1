"""Embedding augmented views on a cluster: its workers stage shards of them; this process commits them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property

from ...runtime import OnnxEncoder
from ...runtime.cluster import Cluster, ClusterRun
from ...runtime.decode import stored_pixel_limit
from ...runtime.tasks import Handler, WorkerTask
from ...store import Job, Shard, Step, Store
from ...store.staged import StagedRows, commit_staged, stage_rows
from .captions import Captions
from .networks import default_batch, load_networks
from .pipeline import EmbeddingPipeline, open_pipeline
from .view_items import View, by_shard, captions_of, read_views, view_decoder


@dataclass(frozen=True)
class ViewWork:
    """What the workers of one run share; settings as for `embed_views`.

    `images` is how many views the whole run has, `cores` is what each worker has.
    """

    store: Store
    encoder: str
    table: str
    views: int
    seed: int
    augment: str
    batch: int | None
    workers: int | None
    images: int = 0
    cores: int = 1


@dataclass(frozen=True)
class EmbeddedViews:
    """Rows that a worker staged, and what its captions lack (see `Captions`)."""

    rows: StagedRows
    warning: str | None = None


def embed_views_on(cluster: Cluster, job: Job, work: ViewWork) -> Iterator[Step]:
    """Embed the views of the shards of `job` that are not done with workers of the cluster."""
    done, stage, demand = job.done_items, f"{job.kind}:{work.encoder}", cluster.demand(lanes=True)
    shards = {f"{shard.index}": shard for shard in job.pending()}
    yield Step(stage, done, job.total_items)
    if not shards:
        return
    shared = replace(work, images=work.views * (job.total_items - done), cores=int(demand.cpus))
    remote = ClusterRun(cluster, open_view_worker, shared, work.store.uri, demand)
    tasks = (WorkerTask(key, f"views of shard {key}", shard) for key, shard in shards.items())
    for ready in remote.run(tasks, len(shards)):
        commit_staged(work.store, [result.rows for _, result in ready], update=True)
        finished = [shards[task.key] for task, _ in ready]
        job.finish_all(finished)
        done += sum(len(shard.items) for shard in finished)
        warnings = sorted({result.warning for _, result in ready if result.warning})
        yield Step(stage, done, job.total_items, ", ".join([remote.describe(), *warnings]))


def open_view_worker(work: ViewWork, device: str) -> Handler:
    """In a worker: load the encoder; the returned function embeds and stages the views of one shard."""
    return ViewEmbedder(
        work, load_networks(work.store, work.encoder, [0] if device != "cpu" else [-1], work.cores)
    ).embed


class ViewEmbedder:
    """Embeds shards of views with one pipeline, which stays open."""

    def __init__(self, work: ViewWork, networks: Sequence[OnnxEncoder]) -> None:
        self._work, self._networks = work, networks
        self._captions = Captions(work.store) if networks[0].captions else None
        self._open = ExitStack()

    def embed(self, shard: Shard) -> EmbeddedViews:
        """Embed the views of the items of a shard and stage their rows."""
        work = self._work
        batches = self._pipeline.run(read_views(work.store, [shard], work.views, self._captions))
        (found,) = [rows for _, rows in by_shard([shard], batches)]
        rows = work.store.schema(work.table).empty_table() if found is None else found
        staged = stage_rows(work.store, work.table, rows)
        return EmbeddedViews(staged, self._captions.warning if self._captions else None)

    @cached_property
    def _pipeline(self) -> EmbeddingPipeline[View]:
        work, networks = self._work, self._networks
        workers = work.workers
        if workers is None:
            workers = max(1, work.cores - 1) if networks[0].device != "cpu" else 0
        preprocessing, limit = networks[0].preprocessing, stored_pixel_limit(work.store)
        decoder = view_decoder(preprocessing, limit, work.seed, work.augment)
        batch = work.batch or default_batch(work.images, networks)
        return self._open.enter_context(
            open_pipeline(networks, decoder, captions_of, batch=batch, workers=workers)
        )
