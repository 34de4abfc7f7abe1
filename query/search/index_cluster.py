"""Building an index on a cluster: each worker a segment, over some fragments of the table."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.cluster import Cluster, ClusterRun
from ...runtime.tasks import Handler, WorkerTask
from ...store import Step, Store
from ...store.ids import vectors_table
from ...store.index_segments import build_segment, check_segments, commit_segments, fragment_groups
from ..features import FeatureReader, Pinned
from .centroids import BLOCK, assign_rows


@dataclass(frozen=True)
class SegmentWork:
    """What the workers share: a space at a version of its table, the kind of its index, and the centres.

    `bits`: of IVF_RQ, for each number of a vector; 5 when left out. `cores`: what each worker has.
    """

    store: Store
    encoder: str
    mapper: str
    version: int
    kind: str
    centroids: NDArray[np.float32]
    bits: int | None = None
    cores: int = 1

    @property
    def table(self) -> str:
        """The table of the vectors."""
        return vectors_table(self.encoder)

    def features(self) -> FeatureReader:
        """The vectors of that version."""
        pinned = Pinned(self.store, {self.table: self.version})
        return FeatureReader(pinned, self.encoder, self.mapper)


def build_on(cluster: Cluster, work: SegmentWork) -> Generator[Step, None, int]:
    """Build the index in as many segments as there are workers, and commit it. Returns how many.

    Raises InvalidInputError for a kind that has no segments.
    """
    check_segments(work.kind)
    demand = cluster.demand(lanes=True, gpus=False)
    groups = fragment_groups(work.store, work.table, work.version, cluster.capacity(demand))
    tasks = (
        WorkerTask(str(number), f"segment {number} of {work.table}", group)
        for number, group in enumerate(groups)
    )
    shared = replace(work, cores=int(demand.cpus))
    run = ClusterRun(cluster, open_worker, shared, work.store.uri, demand)
    found: dict[str, Any] = {}
    for done in run.run(tasks, len(groups)):
        found |= {task.key: segment for task, segment in done}
        yield Step("build", len(found), len(groups), f"segments; {run.describe()}")
    segments = [found[key] for key in sorted(found, key=int)]
    commit_segments(work.store, work.table, work.features().column, segments)
    return len(segments)


def open_worker(work: SegmentWork, _device: str) -> Handler:
    """In a worker: what builds one segment."""
    return partial(_build, work)


def _build(work: SegmentWork, fragments: list[int]) -> Any:
    """The segment of `fragments`. Raises ConflictError where the mapper has not mapped an item of them."""
    features = work.features()
    mine = [
        np.full(one.count_rows(), one.fragment_id in fragments) for one in features.dataset.get_fragments()
    ]
    blocks = features.stream(np.concatenate(mine), BLOCK)
    where = (work.table, work.version, features.column)
    return build_segment(
        work.store,
        *where,
        work.kind,
        work.centroids,
        fragments,
        partitions=np.concatenate(list(assign_rows(blocks, work.centroids, work.cores))),
        bits=work.bits,
    )
