"""Collecting the features of a shard, and its one commit, written while the networks go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime import MapperPair
from ...runtime.mapper import mapper_names, vector_array
from ...store import Failure, Job, Shard, Store, mapped_column
from ...store.schema import ITEM_TABLES
from .decode import FIRST_FRAME
from .pipeline import Batch
from .plan import Target

MAX_UNWRITTEN = 2  # shards that may wait for their commit before the networks do
REMEDY = "put a file that opens in its place, or embed with --retry-failed when the cause is gone"
REMEDIES = {
    FIRST_FRAME: "nothing, unless another frame should count: ingest that one as a file of its own",
    "too-many-pixels": "embed with --retry-failed and a higher --pixel-limit",
    "nan": "embed it with another encoder or precision",
}


@dataclass(frozen=True)
class PendingItem:
    """An item, the number of its shard in this run, and its caption where the encoder looks at it."""

    shard: int
    kind: str
    item: str
    caption: str = ""


@dataclass(frozen=True)
class Committed:
    """Items of a shard that is committed, and how many of them have no vector."""

    items: int
    failed: int


@dataclass
class _OpenShard:
    job: Job
    shard: Shard
    left: int
    features: dict[str, tuple[list[str], list[NDArray[np.float32]]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


class ShardCommitter:
    """Collects batches until a shard is whole, then commits it in a thread of its own."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: dict[int, _OpenShard] = {}
        self._count = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._commits: deque[Future[Committed]] = deque()

    def expect(self, job: Job, shard: Shard, items: int) -> int:
        """Announce the next shard, of which `items` will be added. Returns its number in this run."""
        number, entry = self._count, _OpenShard(job, shard, items)
        self._count += 1
        if items:
            self._open[number] = entry
        else:
            self._commits.append(self._writer.submit(self._commit, entry))
        return number

    def add(self, batch: Batch[PendingItem]) -> None:
        """Add the features and failures of some items; commit the shards that are whole now."""
        for pending, failure, features in zip(batch.items, batch.failures, batch.features, strict=True):
            entry = self._open[pending.shard]
            if failure is not None:
                entry.failures.append(
                    Failure(
                        pending.item, failure.reason, failure.detail, REMEDIES.get(failure.reason, REMEDY)
                    )
                )
            if failure is None or not failure.fatal:
                items, rows = entry.features.setdefault(pending.kind, ([], []))
                items.append(pending.item)
                rows.append(features)
            entry.left -= 1
            if not entry.left:
                del self._open[pending.shard]
                self._commits.append(self._writer.submit(self._commit, entry))

    def committed(self, *, wait_for_all: bool = False) -> Iterator[Committed]:
        """The shards committed since the last call. Waits while too many are unwritten, or for all."""
        while self._commits and (
            wait_for_all or self._commits[0].done() or len(self._commits) > MAX_UNWRITTEN
        ):
            yield self._commits.popleft().result()

    def close(self) -> None:
        """Finish the shard that is being written, and drop the others."""
        self._writer.shutdown(cancel_futures=True)

    def _commit(self, entry: _OpenShard) -> Committed:
        """Rows first, then what failed, then that the shard is done: a kill in between repeats the shard."""
        target = self._target
        for kind in ITEM_TABLES:
            if kind in entry.features:
                items, features = entry.features[kind]
                rows = vector_rows(target.store, target.encoder, kind, items, np.stack(features))
                target.store.upsert(target.table, rows)
                if target.retry_failed:
                    target.store.forget_failures(target.stage, items)
        target.store.record_failures(target.stage, entry.failures)
        entry.job.finish(entry.shard)
        lost = sum(failure.reason != FIRST_FRAME for failure in entry.failures)
        return Committed(len(entry.shard.items), lost)


def vector_rows(
    store: Store, encoder: str, kind: str, items: Sequence[str], base: NDArray[np.float32]
) -> pa.Table:
    """Rows of `items`, all of one kind, from their features (items, dim), with a column a mapper."""
    vectors = {"base": base}
    for mapper in mapper_names(store, encoder):
        pair = MapperPair.load(store, encoder, mapper)
        vectors[mapped_column(mapper)] = pair.real(base) if kind == "image" else pair.synth(base)
    columns: dict[str, pa.Array] = {
        "item_id": pa.array(items, pa.string()),
        "item_kind": pa.array([kind] * len(items), pa.string()),
    }
    return pa.table(columns | {name: vector_array(rows) for name, rows in vectors.items()})
