"""Evaluation: ranks of every exemplar of every sample, from which all retrieval metrics follow in SQL."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...store.columns import utc_now
from ...store.ids import run_number
from ...store.jobs import Step
from ...store.schema import RANKS
from ..catalog import gallery_ids
from ..features import FeatureReader, ImageSet, Pinned
from .cases import Sample
from .counter import block_rows, choose_device
from .pools import SamplePools, load_pools, rankable
from .ranks import ExemplarRanks
from .runs import Run, plan_runs

if TYPE_CHECKING:
    from ...store import Store

MOST_PAIRS = 2_000_000
"""Pairs of a sample and an exemplar in one shard: sets of many images have many, and all are in memory."""

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

    Raises:
        NotFoundError: no such encoder, mapper or case, or no samples.
        ConflictError: no gallery, an exemplar without a vector, or vectors that a mapper has not mapped.
        DataError: a vector that is not finite.
        InvalidInputError: the device is not there.

    Source: arXiv:2306.09345 section 5. Ranks do not depend on `block`, `shard_size` or `device`.
    """
    chosen = choose_device(device)
    pinned = Pinned.now(store)
    runs = plan_runs(store, pinned, encoder, mapper, case, force=force)
    done, total = 0, sum(len(run.samples) for run in runs)
    for (name, by), group in groupby(runs, key=attrgetter("encoder", "mapper")):
        mine = list(group)
        features = FeatureReader(pinned, name, by)
        gallery = ImageSet(features, gallery_ids(pinned), block or block_rows(chosen))
        ranker = _Ranker(store, mine, features, gallery, chosen, force)
        for ranked, note in ranker.rank(shard_size):
            yield Step("evaluate", done + ranked, total, note)
        done += sum(len(run.samples) for run in mine)


class _Ranker:
    """Ranks the runs of one encoder and mapper, as far as they are not ranked yet."""

    def __init__(
        self,
        store: Store,
        runs: list[Run],
        features: FeatureReader,
        gallery: ImageSet,
        device: str,
        force: bool,
    ) -> None:
        self._store, self._features, self._gallery = store, features, gallery
        self._device, self._force = device, force
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
        self._done = sum(len(run.samples) for run in runs) - len(self._left)
        self._note = self._describe(runs)

    def rank(self, shard_size: int) -> Iterator[tuple[int, str]]:
        """Rank and commit shard by shard; yields how many samples are done, and a note on progress."""
        self._finish(self._left)
        yield self._done, self._note
        left = self._left
        while left:
            shard, left = _cut_shard(left, shard_size)
            clock = time.monotonic()
            pools = load_pools([sample for _, sample in shard], self._features, self._gallery)
            ranks = ExemplarRanks(pools.vectors, self._device)
            for share, note in self._count_gallery(ranks):
                yield self._done + int(share * len(shard)), note
            rows = _rank_rows([run for run, _ in shard], pools, ranks, len(self._gallery))
            self._store.upsert("ranks", rows, update=self._force)
            each = (time.monotonic() - clock) / len(shard)
            for run, count in Counter(run.run_id for run, _ in shard).items():
                self._seconds[run] += each * count
            self._finish(left)
            self._done += len(shard)
            yield self._done, self._note

    def _count_gallery(self, ranks: ExemplarRanks) -> Iterator[tuple[float, str]]:
        """One pass over the gallery; yields at times which share of it is counted, and how fast."""
        start = shown = time.monotonic()
        rows = 0
        for count in ranks.run(self._gallery.raw_blocks()):
            rows += count
            if (now := time.monotonic()) - shown > SHOWN_SECONDS:
                shown = now
                yield rows / len(self._gallery), f"{self._note}; {rows / (now - start):,.0f} images/s"

    def _finish(self, left: list[tuple[Run, Sample]]) -> None:
        """Commit the rows of the runs that have no sample left."""
        waiting = {run.run_id for run, _ in left}
        complete = [run for run in self._open if run.run_id not in waiting]
        self._open = [run for run in self._open if run.run_id in waiting]
        rows = [
            run.row(self._started, self._seconds[run.run_id], self._rankable[run.run_id]) for run in complete
        ]
        self._store.upsert("runs", rows, update=True)

    def _describe(self, runs: list[Run]) -> str:
        """What is being ranked, and how much had to be left out."""
        left_out = {
            "samples have no vector or no exemplars": sum(len(run.samples) for run in runs)
            - self._rankable.total(),
            "gallery images have no vector": self._gallery.missing,
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


def _rank_rows(runs: list[Run], pools: SamplePools, ranks: ExemplarRanks, gallery: int) -> pa.Table:
    """The rows of `ranks` of a shard, ordered by sample and image; `runs` has the run of each sample."""
    owners = pa.array(pools.owners)
    columns = {
        "run_id": pa.array([run.run_id for run in runs], pa.string()).take(owners),
        "sample_id": pa.array([sample.sample_id for sample in pools.samples], pa.string()).take(owners),
        "image_id": pa.array(pools.images, pa.string()),
        "rank": pa.array(ranks.ranks),
        "similarity": pa.array(pools.vectors.similarities.astype(np.float32)),
        "pool_size": pa.array(pools.sizes(gallery)).take(owners),
        "run_number": pa.array([run_number(run.run_id) for run in runs], pa.int64()).take(owners),
        "place": pa.array(ranks.places.astype(np.int32)),
        "exemplars": pa.array(pools.exemplar_counts.astype(np.int32)).take(owners),
    }
    return pa.table(columns).select(RANKS.names)


def _start_time(store: Store) -> datetime:
    """Now, or just after the newest run where the clock was set back: views read the run started last."""
    newest: datetime | None = pc.max(store.read("runs", ["started"])["started"]).as_py()
    now = utc_now()
    return now if newest is None or newest < now else newest + timedelta(microseconds=1)
