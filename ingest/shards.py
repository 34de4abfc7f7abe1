"""The shards of a job: done by worker processes of this machine, or on the nodes of a cluster.

A worker opens the store, reads what its shard names, and stages the rows: the same function does a shard here
and there. The caller commits what is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..runtime.cluster import ClusterRun, Done, connect
from ..runtime.tasks import Handler, Setup, WorkerTask
from ..store import Job, Shard, Store
from ..store.staged import commit_staged
from .workers import SMALL_NETWORK, one_thread, run_tasks

SHARING = 4
"""Workers with a small network that share a GPU of a cluster, whose memory is not known here."""


@dataclass(frozen=True)
class Workers:
    """Where shards are done: on the cluster at the address `ray`, else in `count` processes here.

    `network` is the size of what a worker runs, in bytes; those with a small one share a GPU.
    """

    count: int | None
    network: int
    ray: str | None = None

    def run(
        self, store: Store, setup: Setup, shared: Any, tasks: Iterator[WorkerTask], total: int
    ) -> Iterator[tuple[Done, str]]:
        """Do `total` tasks; yields those that are done now with their results, and a note for people.

        On a cluster there are none at times, while the note says how it goes.

        Arguments and errors as for `run_tasks`; of a cluster as for `connect`.
        """
        if self.ray is None:
            here = run_tasks(setup, shared, tasks, count=total, workers=self.count, network=self.network)
            for one in here:
                yield [one], ""
            return
        with connect(self.ray) as cluster:
            demand = cluster.demand(sharing=SHARING if self.network <= SMALL_NETWORK else 1)
            run = ClusterRun(cluster, _set_up_alone, (setup, shared), store.uri, demand, self.count)
            for done in run.run(tasks, total):
                yield done, run.describe()


def _set_up_alone(job: tuple[Setup, Any], device: str) -> Handler:
    """In a worker of a cluster: on one thread, as in a worker process of this machine."""
    setup, shared = job
    return one_thread()(one_thread()(setup)(shared, device))


def commit_done(store: Store, job: Job, shards: dict[str, Shard], done: Done) -> None:
    """Commit the staged rows that tasks ended with, then mark their shards as done."""
    commit_staged(store, [rows for _, rows in done])
    job.finish_all([shards[task.key] for task, _ in done])
