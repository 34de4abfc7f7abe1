"""Tasks on a cluster: which worker does which, and again where a worker or its node was lost.

A task is done when its first result arrives. It is given to another worker where its own was lost, and where
it takes much longer than the others while a worker has nothing to do. So a task may be done twice: its rows
are committed by the caller, once.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeAlias

from ...store.errors import AttribaseError
from ...store.layout import software_version
from ..tasks import Setup, WorkerTask
from .connection import Cluster, Demand
from .worker import ClusterWorker

AHEAD = 2
"""Tasks that a worker has at once, the one that it does among them, while there are more than workers."""
POLL_SECONDS = 2.0
PROGRESS_SECONDS = 5.0
"""How long nothing is said while no task ends, or no worker has started."""
MOST_DEATHS = 3
"""So many workers may end during one task, on nodes that stay."""
STRAGGLER_SECONDS = 30.0
STRAGGLER_FACTOR = 3.0
"""A task is given to a second worker after so many times the median of those done."""
LOST = ("RayActorError", "WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "ObjectLostError")
"""Ray's errors of a worker that is gone, or of a result that was on a node that is."""

CREATION = "creation task"
"""In Ray's message where a worker is gone because it could not be made."""

Done: TypeAlias = list[tuple[WorkerTask, Any]]


@dataclass(eq=False)
class _Worker:
    actor: Any
    node: str | None = None  # once it has started
    tasks: dict[Any, WorkerTask] = field(default_factory=dict)  # reference of the result -> task
    since: float = 0.0  # when it began its oldest task


@dataclass
class ClusterRun:
    """One run of tasks. `repeated` counts tasks that were given to another worker."""

    cluster: Cluster
    setup: Setup
    shared: Any
    store_uri: str
    demand: Demand
    workers: int | None = None
    repeated: int = 0
    _workers: list[_Worker] = field(default_factory=list)
    _starting: dict[Any, _Worker] = field(default_factory=dict)
    _again: deque[WorkerTask] = field(default_factory=deque)
    _finished: set[str] = field(default_factory=set)
    _deaths: dict[str, int] = field(default_factory=dict)
    _seconds: list[float] = field(default_factory=list)
    _left: int = 0  # tasks not drawn yet
    _error: AttribaseError | None = None
    _grown: float = -POLL_SECONDS

    def run(self, tasks: Iterator[WorkerTask], count: int) -> Iterator[Done]:
        """Do the tasks; yields those that are done now with their results; none every PROGRESS_SECONDS."""
        ray = self.cluster.ray
        options = {"num_cpus": self.demand.cpus, "num_gpus": self.demand.gpus, "max_restarts": 0}
        make, job = ray.remote(ClusterWorker).options(**options), ray.put((self.setup, self.shared))
        self._left, said = count, monotonic()
        try:
            while self._left or self._open:
                self._grow(make, job)
                self._assign(tasks)
                references = [*self._starting, *(one for worker in self._workers for one in worker.tasks)]
                ready, _ = ray.wait(references, num_returns=1, timeout=POLL_SECONDS)
                if ready:
                    ready = ray.wait(references, num_returns=len(references), timeout=0)[0]
                done = self._collect(ready)
                if done or monotonic() - said >= PROGRESS_SECONDS:
                    said = monotonic()
                    yield done
                if self._error is not None:
                    raise self._error
        finally:
            for worker in self._workers:
                with suppress(Exception):
                    ray.kill(worker.actor)

    @property
    def _open(self) -> int:
        """Tasks that are with a worker or wait to be repeated."""
        keys = {task.key for worker in self._workers for task in worker.tasks.values()}
        return len((keys | {task.key for task in self._again}) - self._finished)

    def describe(self) -> str:
        """How many workers there are on how many nodes, for people."""
        started = [worker for worker in self._workers if worker.node]
        if not started:
            return "no worker has started yet"
        nodes = len({worker.node for worker in started})
        text = f"{_count(len(started), 'worker')} on {_count(nodes, 'node')}"
        return text + (f", {_count(self.repeated, 'shard')} repeated" if self.repeated else "")

    def _grow(self, make: Any, job: Any) -> None:
        """Start workers where there is room and work for them."""
        if self._workers and monotonic() - self._grown < POLL_SECONDS:
            return
        self._grown = monotonic()
        wanted = min(self.workers or self.cluster.capacity(self.demand), self._left + self._open)
        while len(self._workers) < wanted:
            actor = make.remote(job, self.demand.device, self.store_uri, software_version())
            worker = _Worker(actor)
            self._workers.append(worker)
            self._starting[actor.start.remote()] = worker

    def _assign(self, tasks: Iterator[WorkerTask]) -> None:
        """Give tasks to the workers that have too few."""
        ready = [worker for worker in self._workers if worker.node]
        for depth in range(AHEAD):
            for worker in ready:
                if len(worker.tasks) > depth:
                    continue
                task = self._next_again()
                if task is None and (depth == 0 or self._left > len(ready)):
                    task = self._draw(tasks)
                if task is None and not self._left and not worker.tasks:
                    task = self._straggler()
                if task is not None:
                    self._give(worker, task)

    def _draw(self, tasks: Iterator[WorkerTask]) -> WorkerTask | None:
        task = next(tasks, None)
        self._left = 0 if task is None else max(1, self._left) - 1
        return task

    def _give(self, worker: _Worker, task: WorkerTask) -> None:
        if not worker.tasks:
            worker.since = monotonic()
        worker.tasks[worker.actor.run.remote(task.name, task.payload)] = task

    def _next_again(self) -> WorkerTask | None:
        while self._again:
            task = self._again.popleft()
            if task.key not in self._finished:
                return task
        return None

    def _straggler(self) -> WorkerTask | None:
        """A task that one worker has had for too long."""
        if not self._seconds:
            return None
        limit = max(STRAGGLER_SECONDS, STRAGGLER_FACTOR * statistics.median(self._seconds))
        now = monotonic()
        with_worker = [task.key for worker in self._workers for task in worker.tasks.values()]
        for worker in self._workers:
            task = next(iter(worker.tasks.values()), None)
            if task is None or task.key in self._finished or with_worker.count(task.key) > 1:
                continue
            if now - worker.since > limit:
                self.repeated += 1
                return task
        return None

    def _collect(self, ready: list[Any]) -> Done:
        """The results of tasks that are done now; tasks of workers that were lost go back."""
        done: Done = []
        for reference in ready:
            worker = self._starting.pop(reference, None)
            if worker is not None:
                self._start(worker, reference)
                continue
            worker = next((one for one in self._workers if reference in one.tasks), None)
            if worker is None:  # it was lost, with another of its tasks
                continue
            answer = self._answer(worker, reference)
            if answer is None:
                continue
            task = worker.tasks.pop(reference)
            error, result = answer
            if error is not None:
                self._error = self._error or error
                continue
            now = monotonic()
            self._seconds.append(now - worker.since)
            worker.since = now
            if task.key not in self._finished:
                self._finished.add(task.key)
                done.append((task, result))
        return done

    def _start(self, worker: _Worker, reference: Any) -> None:
        answer = self._answer(worker, reference)
        if answer is not None:
            error, worker.node = answer
            self._error = self._error or error

    def _answer(self, worker: _Worker, reference: Any) -> Any:
        """What a worker answered; None where it was lost."""
        from ray import exceptions

        try:
            return self.cluster.ray.get(reference)
        except exceptions.RayTaskError as error:
            raise _fault(error) from error
        except tuple(getattr(exceptions, name) for name in LOST) as error:
            if CREATION in str(error):
                raise _fault(error) from error
            self._lose(worker)
            return None
        except exceptions.RayError as error:
            raise AttribaseError(
                f"the cluster failed: {str(error).splitlines()[0]}",
                hint="what is committed stays: run it again",
            ) from error

    def _lose(self, worker: _Worker) -> None:
        """Forget a worker; its tasks go to others. Raises AttribaseError where a task ends its workers."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        with suppress(Exception):
            self.cluster.ray.kill(worker.actor)
        lost = list(worker.tasks.values())
        worker.tasks.clear()
        self._again.extendleft(reversed(lost))
        self.repeated += len(lost)
        if worker.node is not None and worker.node not in self.cluster.nodes():
            return
        name = lost[0].key if lost else ""
        self._deaths[name] = self._deaths.get(name, 0) + 1
        if self._deaths[name] >= MOST_DEATHS:
            what = lost[0].name if lost else "nothing yet"
            raise AttribaseError(
                f"{MOST_DEATHS} workers of the cluster ended while they did {what}",
                hint="often that is too little memory: use fewer workers, and run it again",
            )


def _fault(error: Exception) -> AttribaseError:
    """The error for what a worker raises that is none of ours: its last line says what."""
    return AttribaseError(
        f"a worker of the cluster failed: {str(error).strip().splitlines()[-1].strip()}",
        hint="have all nodes the same Python, and attribase with the same libraries?",
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
