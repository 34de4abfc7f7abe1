"""What became of each shard, and its one commit, written while the networks go on."""

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
from ...store import Job, Shard, Store, mapped_column
from ...store.schema import ITEM_TABLES
from .decode import FIRST_FRAME, DecodeFailure
from .pipeline import Batch
from .plan import Target


def vector_rows(
    store: Store, encoder: str, kind: str, items: Sequence[str], base: NDArray[np.float32]
) -> pa.Table:
    """Rows of `items`, all of one kind, from their features (items, dim)."""
    vectors = {"base": base}
    for mapper in mapper_names(store, encoder):
        pair = MapperPair.load(store, encoder, mapper)
        vectors[mapped_column(mapper)] = pair.real(base) if kind == "image" else pair.synth(base)
    columns: dict[str, pa.Array] = {
        "item_id": pa.array(items, pa.string()),
        "item_kind": pa.array([kind] * len(items), pa.string()),
    }
    return pa.table(columns | {name: vector_array(rows) for name, rows in vectors.items()})


WAITING = 2  # shards that may wait for their commit before the networks do


@dataclass(frozen=True)
class Place:
    """An item and the shard that it belongs to, by its number in this run; its caption where that counts."""

    shard: int
    kind: str
    item: str
    caption: str = ""


@dataclass
class _Open:
    job: Job
    shard: Shard
    left: int
    found: dict[str, tuple[list[str], list[NDArray[np.float32]]]] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Committed:
    """Items of a shard that is committed, and how many of them have no vector."""

    items: int
    failed: int


class Ledger:
    """Collects batches until a shard is whole, then commits it in a thread of its own."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: dict[int, _Open] = {}
        self._count = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._commits: deque[Future[Committed]] = deque()

    def expect(self, job: Job, shard: Shard, items: int) -> int:
        """Say that so many items of `shard` will come, in order of work; the number that they go by."""
        number, entry = self._count, _Open(job, shard, items)
        self._count += 1
        if items:
            self._open[number] = entry
        else:
            self._commits.append(self._writer.submit(self._commit, entry))
        return number

    def add(self, batch: Batch[Place]) -> None:
        """Take in what became of some items; shards that are whole now are written."""
        for place, trouble, feature in zip(batch.items, batch.troubles, batch.features, strict=True):
            entry = self._open[place.shard]
            if trouble is not None:
                entry.failures.append((place.item, trouble.reason, trouble.detail))
            if not _fatal(trouble):
                items, features = entry.found.setdefault(place.kind, ([], []))
                items.append(place.item)
                features.append(feature)
            entry.left -= 1
            if not entry.left:
                del self._open[place.shard]
                self._commits.append(self._writer.submit(self._commit, entry))

    def committed(self, *, all_: bool = False) -> Iterator[Committed]:
        """What is committed and was not told before. Waits where too much is waiting, or for all of it."""
        while self._commits and (all_ or self._commits[0].done() or len(self._commits) > WAITING):
            yield self._commits.popleft().result()

    def close(self) -> None:
        """Let the shard that is being written be written, and drop the others."""
        self._writer.shutdown(cancel_futures=True)

    def _commit(self, entry: _Open) -> Committed:
        """Rows first, then what failed, then that the shard is done: a kill in between repeats the shard."""
        target = self._target
        for kind in ITEM_TABLES:
            if kind in entry.found:
                items, features = entry.found[kind]
                rows = vector_rows(target.store, target.encoder, kind, items, np.stack(features))
                target.store.upsert(target.table, rows)
                if target.retry_failed:
                    target.store.forget_failures(target.stage, items)
        target.store.record_failures(target.stage, entry.failures)
        entry.job.finish(entry.shard)
        lost = sum(reason != FIRST_FRAME for _, reason, _ in entry.failures)
        return Committed(len(entry.shard.items), lost)


def _fatal(trouble: DecodeFailure | None) -> bool:
    return trouble is not None and trouble.fatal
