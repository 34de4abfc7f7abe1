"""A run over what is left to embed: shards in order, their items with bytes, progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from time import monotonic

from ...store import Job, Shard, Step
from ...store.lookup import BlobRows
from ...store.schema import ITEM_TABLES
from .captions import Captions
from .commit import PendingItem, ShardCommitter
from .pipeline import EmbeddingPipeline
from .plan import KnownIds, Target, count_missing, new_jobs, open_jobs, split_missing

PROGRESS_SECONDS = 5.0


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

    def shards(self) -> Iterator[PendingShard]:
        """The shards to do, in order; blobs are located once a job."""
        for job in self.jobs:
            shards = [(shard, split_missing(shard, self.known)) for shard in job.pending()]
            located = {}
            for kind, (table, *_) in ITEM_TABLES.items():
                if ids := [item for _, missing in shards for item in missing.get(kind, ())]:
                    located[kind] = self.target.store.locate_blobs(table, "bytes", ids)
            for shard, missing in shards:
                yield PendingShard(job, shard, missing, located)

    def _source(
        self, committer: ShardCommitter, captions: Captions | None
    ) -> Iterator[tuple[PendingItem, bytes]]:
        """Every item with its bytes, in the order of the shards."""
        for one in self.shards():
            number = committer.expect(one.job, one.shard, sum(map(len, one.missing.values())))
            for kind, ids in one.missing.items():
                yield from read_items(number, kind, ids, one.blobs[kind], captions)


@dataclass(frozen=True)
class PendingShard:
    """A shard with the ids that are missing of it, by kind, and where the bytes of at least these are."""

    job: Job
    shard: Shard
    missing: Mapping[str, Sequence[str]]
    blobs: Mapping[str, BlobRows]


def read_items(
    number: int, kind: str, ids: Sequence[str], blobs: BlobRows, captions: Captions | None
) -> Iterator[tuple[PendingItem, bytes]]:
    """Items of one kind with their bytes, in order; `number` is that of their shard in the run."""
    texts = captions(kind, ids) if captions else [""] * len(ids)
    for text, (item, data) in zip(texts, blobs.read(ids), strict=True):
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
