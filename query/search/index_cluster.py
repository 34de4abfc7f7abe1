"""Building an index on a cluster: each worker a segment, over some fragments of the table."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.cluster import Cluster, ClusterRun
from ...runtime.tasks import Handler, WorkerTask
from ...store import Step, Store
from ...store.index_segments import build_segment, check_segments, commit_segments, fragment_groups


@dataclass(frozen=True)
class SegmentWork:
    """What the workers share: the column of a version of a table, and the centres of its partitions."""

    store: Store
    table: str
    version: int
    column: str
    kind: str
    centroids: NDArray[np.float32]


def build_on(cluster: Cluster, work: SegmentWork) -> Generator[Step, None, int]:
    """Build the index in as many segments as there are workers, and commit it. Returns how many.

    Raises InvalidInputError for a kind that has no segments.
    """
    check_segments(work.kind)
    demand = cluster.demand(lanes=True)
    groups = fragment_groups(work.store, work.table, work.version, cluster.capacity(demand))
    tasks = (
        WorkerTask(str(number), f"segment {number} of {work.table}", group)
        for number, group in enumerate(groups)
    )
    run = ClusterRun(cluster, open_worker, work, work.store.uri, demand)
    found: dict[str, Any] = {}
    for done in run.run(tasks, len(groups)):
        found |= {task.key: segment for task, segment in done}
        yield Step("build", len(found), len(groups), f"segments; {run.describe()}")
    segments = [found[key] for key in sorted(found, key=int)]
    commit_segments(work.store, work.table, work.column, segments)
    return len(segments)


def open_worker(work: SegmentWork, _device: str) -> Handler:
    """In a worker: what builds one segment."""
    return partial(_build, work)


def _build(work: SegmentWork, fragments: list[int]) -> Any:
    where = (work.table, work.version, work.column)
    return build_segment(work.store, *where, work.kind, work.centroids, fragments)
