"""Reading a source on a cluster: its workers read, check and stage shards; this process merges and commits.

What a source says of an image depends on what is stored of it and on what came before, so shards are merged
in their order, whatever order they were read in. Pictures go from the source into the store, nowhere else.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain

from ...runtime.cluster import ClusterRun, connect
from ...runtime.tasks import Handler, WorkerTask
from ...store import ConflictError, InvalidInputError, NotFoundError, Shard, Store, key_id
from .owned_source import OwnedSource, RowsUsed
from .read import Checked, ItemCheck, RecordWriter
from .request import SourceOnNodes, SourceRequest
from .sources.source import ImageSource
from .staging import StagedItems, StagedSink, stage_items


@dataclass(frozen=True)
class SourceWork:
    """What the workers of one run share.

    Attributes:
        state: of the source, as this process sees it (see `source_state`).
        table: where the items go.
        make_writer: makes the writer of a worker, which writes nothing.
        cores: of each worker.
    """

    store: Store
    request: SourceRequest
    state: str
    table: str
    make_writer: Callable[[Store], RecordWriter]
    pixel_limit: int
    cores: int = 1


@dataclass(frozen=True)
class ReadShard:
    """A shard that a worker has read, and the rows of a table of owners that were used for it."""

    staged: StagedItems
    owners: RowsUsed | None


class ClusterReader:
    """Reads shards on the nodes of a cluster. What they staged is offered to `sink` as it is merged."""

    def __init__(self, nodes: SourceOnNodes, source: ImageSource, sink: StagedSink, work: SourceWork) -> None:
        self._nodes, self._source, self._sink, self._work = nodes, source, sink, work
        self.note = ""

    def read(self, shards: Sequence[Shard]) -> Iterator[tuple[Sequence[Shard], Iterable[Checked]]]:
        """See `ShardReader`. Raises as `connect`, and where a node does not see the source as it is here."""
        with connect(self._nodes.ray) as cluster:
            demand = cluster.demand(lanes=True, gpus=False)
            work = replace(self._work, cores=int(demand.cpus))
            run = ClusterRun(cluster, open_worker, work, work.store.uri, demand)
            tasks = (
                WorkerTask(str(place), f"shard {shard.index} of {self._source.location}", shard.items)
                for place, shard in enumerate(shards)
            )
            ahead: dict[int, ReadShard] = {}
            merged = 0
            for done in run.run(tasks, len(shards)):
                ahead |= {int(task.key): result for task, result in done}
                ready = []
                while merged in ahead:
                    ready.append(ahead.pop(merged))
                    merged += 1
                self._sink.offer([one.staged for one in ready])
                self._count(ready)
                self.note = run.describe()
                items = chain.from_iterable(one.staged.items for one in ready)
                yield shards[merged - len(ready) : merged], items

    def _count(self, ready: Sequence[ReadShard]) -> None:
        """Note which rows of the owners were used, as if this process had read the shards."""
        if isinstance(self._source, OwnedSource):
            for one in ready:
                self._source.count(one.owners)


def source_state(source: ImageSource) -> str:
    """A digest of what identifies a source and its state."""
    return key_id(dict(source.describe()))


def open_worker(work: SourceWork, _device: str) -> Handler:
    """In a worker: open the source; the returned function reads and stages one shard."""
    return ShardStager(work).read


class ShardStager:
    """Reads shards of a source that stays open. Raises as `_open`."""

    def __init__(self, work: SourceWork) -> None:
        self._work, self._source = work, _open(work)
        self._writer = work.make_writer(work.store)
        self._check = ItemCheck(self._source, self._writer, work.pixel_limit)
        self._pool = ThreadPoolExecutor(max_workers=work.cores)

    def read(self, items: Sequence[str]) -> ReadShard:
        """Read and check the items, and stage the rows of the new ones."""
        checked = self._check.run(items, self._pool)
        staged = stage_items(self._work.store, self._work.table, self._writer, checked)
        return ReadShard(staged, self._source.take() if isinstance(self._source, OwnedSource) else None)


def _open(work: SourceWork) -> ImageSource:
    """The source on this node.

    Raises InvalidInputError where it is not here, ConflictError where it is not what it is on the driver.
    """
    here = f"the node {platform.node()}"
    hint = "put the source on a file system that all nodes share, or into a bucket"
    try:
        os.chdir(work.request.folder)  # this process does nothing else
    except OSError as error:
        raise InvalidInputError(f"{here} has no folder {work.request.folder}", hint=hint) from error
    try:
        source = work.request.open()
    except NotFoundError as error:
        raise InvalidInputError(f"{here}: {error}", hint=hint) from error
    if source_state(source) != work.state:
        raise ConflictError(f"{here} sees {source.location} in another state than this machine", hint=hint)
    return source
