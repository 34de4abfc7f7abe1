"""Evaluation: ranks of every exemplar of every sample, from which all retrieval metrics follow in SQL."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...runtime.cluster import Cluster, ClusterRun, check_placement, connect
from ...runtime.tasks import WorkerTask
from ...store.columns import utc_now
from ...store.jobs import Step
from ...store.staged import commit_staged
from ..catalog import gallery_ids
from ..features import FeatureReader, ImageSet, Pinned
from .cases import Sample
from .counter import block_rows, choose_device
from .pools import rankable
from .runs import Run, plan_runs
from .shards import RankingTask, RankingWork, open_worker, rank_shard

if TYPE_CHECKING:
    from ...store import Store

MOST_PAIRS = 2_000_000
"""Pairs of a sample and an exemplar in one shard: sets of many images have many, and all are in memory."""

FEWEST = 256
"""Samples in a shard of a cluster, at least: each shard reads the gallery."""

SHOWN_SECONDS = 0.5
"""Seconds between two progress reports of a pass over the gallery."""


def evaluate(
    store: Store,
    encoder: str | None = None,
    mapper: str | None = None,
    case: str | None = None,
    *,
    force: bool = False,
    block: int | None = None,
    shard_size: int = 8192,
    device: str | None = None,
    ray: str | None = None,
) -> Iterator[Step]:
    """Rank every exemplar of every sample in its pool: the gallery and its own model's exemplars.

    Takes all encoders, mappers (`none` included) and cases unless one is named, and all splits but those that
    mappers learn from. The gallery is streamed once for each shard of samples, whatever cases they are of. A
    shard is committed to `ranks` at once, and a run's row to `runs` when its last sample is. After a stop,
    the same call resumes with the next shard; after the end, it yields nothing while the inputs of the ranks
    (`inputs.py`) are the same.

    Args:
        store: the store.
        encoder: only this one.
        mapper: only this one, or `none` for raw features.
        case: only this one.
        force: compute again even where nothing changed.
        block: gallery images compared at once; what suits the device when left out.
        shard_size: samples ranked in one pass over the gallery and committed at once.
        device: `cpu`, `cuda` or `mps`; left out, a GPU where there is one.
        ray: rank on the Ray cluster at this address, `HOST:PORT` or `auto`, on its GPUs where it has any; a
            shard is as much smaller as there are workers. Without `device`.

    Raises:
        NotFoundError: no such encoder, mapper or case, or no samples.
        ConflictError: no gallery, an exemplar without a vector, or vectors that a mapper has not mapped.
        DataError: a vector that is not finite.
        InvalidInputError: the device is not there, or one was named beside a cluster.

    Source: arXiv:2306.09345 section 5. Ranks do not depend on `block`, `shard_size` or `device`.
    """
    check_placement(device, ray)
    pinned = Pinned.now(store)
    if ray is None:
        chosen = choose_device(device)
        runs = plan_runs(store, pinned, encoder, mapper, case, force=force)
        done, total = 0, sum(len(run.samples) for run in runs)
        for ranker, features, gallery in _rankers(pinned, runs, force, block or block_rows(chosen)):
            for ranked, note in ranker.rank(features, gallery, chosen, shard_size):
                yield Step("evaluate", done + ranked, total, note)
            done += ranker.total
        return
    with connect(ray) as cluster:
        runs = plan_runs(store, pinned, encoder, mapper, case, force=force)
        if runs:
            yield from _evaluate_on(cluster, pinned, runs, force, (block, shard_size))


def _rankers(
    pinned: Pinned, runs: list[Run], force: bool, block: int
) -> Iterator[tuple[_Ranker, FeatureReader, ImageSet]]:
    """A ranker for each encoder and mapper, with what it reads: of one of them at a time."""
    for (name, by), group in groupby(runs, key=attrgetter("encoder", "mapper")):
        features = FeatureReader(pinned, name, by)
        gallery = ImageSet(features, gallery_ids(pinned), block)
        yield _Ranker(pinned.store, list(group), features, gallery, force), features, gallery


def _evaluate_on(
    cluster: Cluster, pinned: Pinned, runs: list[Run], force: bool, sizes: tuple[int | None, int]
) -> Iterator[Step]:
    """Rank on a cluster. `sizes`: block and shard size of `evaluate`."""
    block, shard_size = sizes
    demand = cluster.demand(lanes=True)
    total, done = sum(len(run.samples) for run in runs), 0
    size = min(shard_size, max(FEWEST, -(-total // (2 * cluster.capacity(demand)))))
    work = RankingWork(pinned, block, int(demand.cpus))
    remote = ClusterRun(cluster, open_worker, work, pinned.store.uri, demand)
    open_shards: dict[str, tuple[_Ranker, list[tuple[Run, Sample]]]] = {}

    def tasks() -> Iterator[WorkerTask]:
        nonlocal done
        for ranker, *_ in _rankers(pinned, runs, force, block or FEWEST):
            done += ranker.start()
            for shard in ranker.shards(size):
                key = str(len(open_shards))
                open_shards[key] = ranker, shard
                named = [(run.run_id, sample) for run, sample in shard]
                yield WorkerTask(key, ranker.note, RankingTask(ranker.encoder, ranker.mapper, named))

    for finished in remote.run(tasks(), -(-total // size)):
        commit_staged(pinned.store, [result.rows for _, result in finished], update=force)
        for task, result in finished:
            ranker, shard = open_shards[task.key]
            ranker.commit(shard, result.seconds)
            done += len(shard)
        notes = [open_shards[task.key][0].note for task, _ in finished[-1:]]
        yield Step("evaluate", done, total, "; ".join([*notes, remote.describe()]))
    yield Step("evaluate", done, total)


class _Ranker:
    """Ranks the runs of one encoder and mapper, as far as they are not ranked yet."""

    def __init__(
        self, store: Store, runs: list[Run], features: FeatureReader, gallery: ImageSet, force: bool
    ) -> None:
        self._store, self._force = store, force
        self.encoder, self.mapper = runs[0].encoder, runs[0].mapper
        self._open = runs  # those without a row yet
        self._started = _start_time(store)
        self._seconds: dict[str, float] = defaultdict(float)  # of each run, its samples' share of the passes
        self._rankable: Counter[str] = Counter()  # of each run, the samples that can be ranked
        self._left: list[tuple[Run, Sample]] = []
        for run in runs:
            samples = rankable(run.samples, features)
            ranked = set() if force else run.ranked(store)
            self._rankable[run.run_id] = len(samples)
            self._left += [(run, sample) for sample in samples if sample.sample_id not in ranked]
        self._waiting = Counter(run.run_id for run, _ in self._left)
        self.total = sum(len(run.samples) for run in runs)
        self._done = self.total - len(self._left)
        self.note = self._describe(runs, gallery)

    def rank(
        self, features: FeatureReader, gallery: ImageSet, device: str, shard_size: int
    ) -> Iterator[tuple[int, str]]:
        """Rank and commit shard by shard; yields how many samples are done, and a note on progress."""
        yield self.start(), self.note
        for shard in self.shards(shard_size):
            clock = time.monotonic()
            named = [(run.run_id, sample) for run, sample in shard]
            rows = yield from self._report(rank_shard(named, features, gallery, device), len(gallery), shard)
            self._store.upsert("ranks", rows, update=self._force)
            self.commit(shard, time.monotonic() - clock)
            yield self._done, self.note

    def start(self) -> int:
        """Commit the runs that are ranked already. Returns how many samples need not be."""
        self._finish()
        return self._done

    def shards(self, shard_size: int) -> Iterator[list[tuple[Run, Sample]]]:
        """What is left, cut."""
        left = self._left
        while left:
            shard, left = _cut_shard(left, shard_size)
            yield shard

    def commit(self, shard: list[tuple[Run, Sample]], seconds: float) -> None:
        """Note that the ranks of a shard are committed, and commit the runs that are whole by that."""
        for run, count in Counter(run.run_id for run, _ in shard).items():
            self._seconds[run] += seconds / len(shard) * count
            self._waiting[run] -= count
        self._done += len(shard)
        self._finish()

    def _report(
        self, counting: Generator[int, None, pa.Table], gallery: int, shard: list[tuple[Run, Sample]]
    ) -> Generator[tuple[int, str], None, pa.Table]:
        """Yields at times how far a pass over the gallery is, and how fast; returns the rows."""
        start = shown = time.monotonic()
        rows = 0
        while True:
            try:
                rows += next(counting)
            except StopIteration as ended:
                return ended.value
            if (now := time.monotonic()) - shown > SHOWN_SECONDS:
                shown = now
                done = self._done + int(rows / gallery * len(shard))
                yield done, f"{self.note}; {rows / (now - start):,.0f} images/s"

    def _finish(self) -> None:
        """Commit the rows of the runs that have no sample left."""
        complete = [run for run in self._open if not self._waiting[run.run_id]]
        self._open = [run for run in self._open if self._waiting[run.run_id]]
        rows = [
            run.row(self._started, self._seconds[run.run_id], self._rankable[run.run_id]) for run in complete
        ]
        self._store.upsert("runs", rows, update=True)

    def _describe(self, runs: list[Run], gallery: ImageSet) -> str:
        """What is being ranked, and how much had to be left out."""
        left_out = {
            "samples have no vector or no exemplars": sum(len(run.samples) for run in runs)
            - self._rankable.total(),
            "gallery images have no vector": gallery.missing,
        }
        cases = ", ".join(dict.fromkeys(f"{run.case_name} {run.split}" for run in runs))
        return f"{runs[0].encoder}/{runs[0].mapper} {cases}" + "".join(
            f"; {count} {what}" for what, count in left_out.items() if count
        )


def _cut_shard(
    left: list[tuple[Run, Sample]], most: int
) -> tuple[list[tuple[Run, Sample]], list[tuple[Run, Sample]]]:
    """The first samples, at least one and up to `most`, with at most MOST_PAIRS exemplars; and the others."""
    pairs = np.cumsum([len(sample.exemplars) for _, sample in left[:most]])
    count = max(1, int(np.searchsorted(pairs, MOST_PAIRS, side="right")))
    return left[:count], left[count:]


def _start_time(store: Store) -> datetime:
    """Now, or just after the newest run where the clock was set back: views read the run started last."""
    newest: datetime | None = pc.max(store.read("runs", ["started"])["started"]).as_py()
    now = utc_now()
    return now if newest is None or newest < now else newest + timedelta(microseconds=1)
