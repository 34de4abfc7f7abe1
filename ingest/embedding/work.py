"""One run of the job: what there is to do, doing it, and saying how it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from time import monotonic

from ...store import Job, Step
from ..captions import Captions
from .known import KnownIds
from .ledger import Ledger, Place
from .pipeline import Pipeline
from .plan import TABLES, Target, count_missing, left_of, new_jobs, open_jobs

TELL_SECONDS = 5.0


@dataclass(frozen=True)
class Work:
    """Jobs that a killed run left open, then what none has planned yet. `done` of `total` items are done."""

    target: Target
    jobs: Iterator[Job]
    known: KnownIds
    done: int
    total: int

    @classmethod
    def of(cls, target: Target, shard_size: int) -> Work:
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

    def run(self, pipeline: Pipeline[Place], captions: Captions | None = None) -> Iterator[Step]:
        """Do it, with `captions` of the items where the encoder looks at them.

        Steps come with every commit, and in between where those are far apart.
        """
        ledger = Ledger(self.target)
        tally = Tally(self.target.stage, self.done, self.total, captions)
        with closing(ledger), closing(pipeline.run(self._source(ledger, captions))) as batches:
            for batch in batches:
                ledger.add(batch)
                tally.embedded += len(batch.items)
                for commit in ledger.committed():
                    yield tally.step(commit.items, commit.failed)
                if monotonic() - tally.told > TELL_SECONDS:
                    yield tally.step()
            for commit in ledger.committed(all_=True):
                yield tally.step(commit.items, commit.failed)

    def _source(self, ledger: Ledger, captions: Captions | None) -> Iterator[tuple[Place, bytes]]:
        """Every item with its bytes, in the order of the shards; where bytes are is looked up once a job."""
        for job in self.jobs:
            shards = [(shard, left_of(shard, self.known)) for shard in job.pending()]
            located = {}
            for kind, (table, _) in TABLES.items():
                if ids := [item for _, left in shards for item in left.get(kind, ())]:
                    located[kind] = self.target.store.locate_blobs(table, "bytes", ids)
            for shard, left in shards:
                number = ledger.expect(job, shard, sum(map(len, left.values())))
                for kind, ids in left.items():
                    texts = captions(kind, ids) if captions else [""] * len(ids)
                    for text, (item, data) in zip(texts, located[kind].read(ids), strict=True):
                        yield Place(number, kind, item, text), data or b""


@dataclass
class Tally:
    """How far a run is, and how fast."""

    stage: str
    done: int
    total: int
    captions: Captions | None = None
    failed: int = 0
    embedded: int = 0
    began: float = field(default_factory=monotonic)
    told: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self._left = self.total - self.done

    def step(self, items: int = 0, failed: int = 0) -> Step:
        """So many more items are committed, so many of them without a vector."""
        self.done, self.failed, self.told = self.done + items, self.failed + failed, monotonic()
        speed = self.embedded / max(self.told - self.began, 1e-6)
        parts = [f"{speed:,.0f} images/s" if speed >= 10 else f"{speed:.1f} images/s"]
        if speed and self.done < self.total:
            parts.append(f"{duration((self._left - self.embedded) / speed)} left")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.captions and self.captions.warning:
            parts.append(f"{self.captions.empty} without a caption ({self.captions.warning})")
        return Step(self.stage, self.done, self.total, ", ".join(parts))


def duration(seconds: float) -> str:
    """Seconds as people say them: '40 s', '12 min', '3.5 h'."""
    if seconds < 100:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
