"""Ranking one shard: samples of some runs in one pass over the gallery, here or in a worker of a cluster."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from ...runtime.tasks import Handler
from ...store.ids import run_number
from ...store.jobs import result_of
from ...store.schema import RANKS
from ...store.staged import StagedRows, stage_rows
from ..catalog import gallery_ids
from ..features import FeatureReader, ImageSet, Pinned
from .cases import Sample
from .counter import block_rows
from .pools import SamplePools, load_pools
from .ranks import ExemplarRanks

Shard: TypeAlias = Sequence[tuple[str, Sample]]
"""Rankable samples of one encoder and mapper, each with the id of its run."""


def rank_shard(
    shard: Shard, features: FeatureReader, gallery: ImageSet, device: str, threads: int | None = None
) -> Generator[int, None, pa.Table]:
    """The rows of `ranks` of a shard, ordered by sample and image; yields how many gallery rows it counts."""
    pools = load_pools([sample for _, sample in shard], features, gallery)
    ranks = ExemplarRanks(pools.vectors, device, threads)
    yield from ranks.run(gallery.raw_blocks())
    return _rank_rows([run_id for run_id, _ in shard], pools, ranks, len(gallery))


def _rank_rows(runs: list[str], pools: SamplePools, ranks: ExemplarRanks, gallery: int) -> pa.Table:
    """`runs` has the id of the run of each sample."""
    owners = pa.array(pools.owners)
    columns = {
        "run_id": pa.array(runs, pa.string()).take(owners),
        "sample_id": pa.array([sample.sample_id for sample in pools.samples], pa.string()).take(owners),
        "image_id": pa.array(pools.images, pa.string()),
        "rank": pa.array(ranks.ranks),
        "similarity": pa.array(pools.vectors.similarities.astype(np.float32)),
        "pool_size": pa.array(pools.sizes(gallery)).take(owners),
        "run_number": pa.array([run_number(run) for run in runs], pa.int64()).take(owners),
        "place": pa.array(ranks.places.astype(np.int32)),
        "exemplars": pa.array(pools.exemplar_counts.astype(np.int32)).take(owners),
    }
    return pa.table(columns).select(RANKS.names)


@dataclass(frozen=True)
class RankingWork:
    """What the workers of one evaluation share: the versions that are read, `block` as for `evaluate`."""

    pinned: Pinned
    block: int | None
    threads: int


@dataclass(frozen=True)
class RankingTask:
    """A shard for a worker."""

    encoder: str
    mapper: str
    shard: Shard


@dataclass(frozen=True)
class RankedShard:
    """Rows that a worker staged, and the seconds that it took."""

    rows: StagedRows
    seconds: float


def open_worker(work: RankingWork, device: str) -> Handler:
    """In a worker: what ranks and stages one shard."""
    return ShardRanker(work, "cpu" if device == "cpu" else "cuda").rank


class ShardRanker:
    """Ranks shards; what it reads of an encoder and mapper stays until a shard has others."""

    def __init__(self, work: RankingWork, device: str) -> None:
        self._work, self._device = work, device
        self._read: tuple[tuple[str, str], FeatureReader, ImageSet] | None = None

    def rank(self, task: RankingTask) -> RankedShard:
        """Rank and stage one shard. Raises as `evaluate`."""
        began = time.monotonic()
        features, gallery = self._open(task.encoder, task.mapper)
        ranks = result_of(rank_shard(task.shard, features, gallery, self._device, self._work.threads))
        rows = stage_rows(self._work.pinned.store, "ranks", ranks)
        return RankedShard(rows, time.monotonic() - began)

    def _open(self, encoder: str, mapper: str) -> tuple[FeatureReader, ImageSet]:
        if self._read is None or self._read[0] != (encoder, mapper):
            features = FeatureReader(self._work.pinned, encoder, mapper)
            block = self._work.block or block_rows(self._device)
            gallery = ImageSet(features, gallery_ids(self._work.pinned), block)
            self._read = (encoder, mapper), features, gallery
        return self._read[1:]
