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
from .decode import FIRST_FRAME, DecodeFailure
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
class ShardFeatures:
    """Features of the items of a shard by kind, and what is wrong with some of them."""

    features: dict[str, tuple[list[str], list[NDArray[np.float32]]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, pending: PendingItem, failure: DecodeFailure | None, features: NDArray[np.float32]) -> None:
        """Add one item."""
        if failure is not None:
            remedy = REMEDIES.get(failure.reason, REMEDY)
            self.failures.append(Failure(pending.item, failure.reason, failure.detail, remedy))
        if failure is None or not failure.fatal:
            items, rows = self.features.setdefault(pending.kind, ([], []))
            items.append(pending.item)
            rows.append(features)

    def rows(self, target: Target) -> list[pa.Table]:
        """Rows of the vector table, a table a kind."""
        found = [(kind, *self.features[kind]) for kind in ITEM_TABLES if kind in self.features]
        return [
            vector_rows(target.store, target.encoder, kind, items, np.stack(features))
            for kind, items, features in found
        ]


def record_outcome(target: Target, embedded: Sequence[str], failures: Sequence[Failure]) -> int:
    """Record what failed of a shard whose rows are committed. Returns how many items have no vector."""
    if target.retry_failed and embedded:
        target.store.forget_failures(target.stage, embedded)
    target.store.record_failures(target.stage, failures)
    return sum(failure.reason != FIRST_FRAME for failure in failures)


@dataclass
class _OpenShard:
    job: Job
    shard: Shard
    left: int
    features: ShardFeatures = field(default_factory=ShardFeatures)


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
            entry.features.add(pending, failure, features)
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
        embedded: list[str] = []
        for rows in entry.features.rows(self._target):
            self._target.store.upsert(self._target.table, rows)
            embedded += rows["item_id"].to_pylist()
        lost = record_outcome(self._target, embedded, entry.features.failures)
        entry.job.finish(entry.shard)
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
