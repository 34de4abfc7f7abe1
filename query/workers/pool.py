"""A pool of worker processes with one queue: a thread for each starts, feeds, watches and replaces it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from ...store.errors import AttribaseError, BusyError, LimitError, NotReadyError, OverloadedError
from .process import WorkerProcess
from .request import Collected, RequestQueue, WorkerRequest

SWEEP_SECONDS = 0.1  # between checks of requests that wait
IDLE_SECONDS = 60.0  # that the idle request may take
RETRY_SECONDS = 1.0  # before another start of a worker whose start failed

log = logging.getLogger("attribase.workers")


class WorkerPool:
    """Worker processes that answer requests. Thread-safe.

    Args:
        target: the main function of a worker, `target(pipe, *args)`, which calls `serving.serve`.
        args: can be pickled.
        workers: how many requests are answered at once.
        waiting: how many requests may wait for a worker.
        wait: seconds that a request waits for a worker.
        lanes: how many requests of a lane are answered at once; those of other lanes by all workers.
        idle: seconds without a request after which a worker gets `idle_request`.
        idle_request: the fields of that request.
        name: of the processes.
    """

    def __init__(
        self,
        target: Callable[..., None],
        args: tuple[Any, ...],
        *,
        workers: int = 2,
        waiting: int = 256,
        wait: float = 30.0,
        lanes: dict[str, int] | None = None,
        idle: float = 3600.0,
        idle_request: dict[str, Any] | None = None,
        name: str = "attribase-worker",
    ) -> None:
        # Arrow's allocator reserves a gigabyte as if it were used; so the limit would be reached too late.
        os.environ.setdefault("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        self._process: Callable[[], WorkerProcess] = partial(WorkerProcess, target, args, name)
        self.starts = 0
        """How many workers were started."""
        self.queue = RequestQueue(waiting, lanes or {})
        self.wait, self.idle, self.idle_request = wait, idle, idle_request
        self.memory: int | None = None
        self.on_result: Callable[[dict[str, Any]], None] = lambda _: None
        """Called with what a worker says when it is ready, and with the result of every request."""
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._start_error: AttribaseError | None = None
        self.processes: list[WorkerProcess | None] = [None] * workers
        """The running workers; None for one that is being replaced."""
        self._threads = [
            threading.Thread(target=self._supervise, args=(at,), daemon=True, name=f"{name}-{at}")
            for at in range(workers)
        ]

    @property
    def closed(self) -> bool:
        """Whether it answers no more."""
        return self._closed.is_set()

    def open(self) -> list[WorkerProcess]:
        """Start all workers and wait until they are ready. Raises the error of one that cannot start."""
        starting = [self._start() for _ in self.processes]
        with self._lock:
            self.processes = list(starting)
        try:
            for worker in starting:
                worker.await_ready()
                self.on_result(worker.ready)
        except BaseException:
            self.close()
            raise
        return starting

    def run(self, memory: int | None) -> None:
        """Begin to answer; each worker may grow by so many bytes of memory from now on."""
        self.memory = memory
        for worker in self.processes:
            if worker is not None and memory is not None:
                worker.limit_memory(memory)
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._sweep, daemon=True, name="attribase-workers-sweep").start()

    def submit(self, request: WorkerRequest) -> None:
        """Queue a request; its `ended` says when and how it ended.

        Raises NotReadyError when the pool is closed, OverloadedError when too many requests wait.
        """
        if self._closed.is_set():
            raise NotReadyError("the service is stopping", hint="ask again when it is back")
        if not self.queue.put(request, len(self.processes)):
            raise OverloadedError("the service is busy", hint="try again in a second")

    def close(self) -> None:
        """End all workers, and what they answer, with NotReadyError. Safe to call again."""
        self._closed.set()
        self.queue.close()
        with self._lock:
            workers, self.processes = self.processes, [None] * len(self.processes)
        for worker in workers:
            if worker is not None:
                worker.close()
        for worker in workers:
            if worker is not None:
                worker.process.join()
        for request in self.queue.remove(lambda _: True):
            request.fail(NotReadyError("the service is stopping", hint="ask again when it is back"))

    def _start(self) -> WorkerProcess:
        self.starts += 1
        return self._process()

    def _supervise(self, at: int) -> None:
        """Keep the worker number `at` running and give it requests."""
        while not self._closed.is_set():
            worker = self.processes[at] or self._replace(at)
            if worker is None:
                self._closed.wait(RETRY_SECONDS)
                continue
            request = self.queue.take(self.idle)
            if not worker.process.alive():  # it ended while it was idle: the request is not why
                worker = self._replace(at)
            if worker is None:
                self._end(request, {}, self._start_error)
                continue
            if request is not None or (self.idle_request is not None and not self._closed.is_set()):
                self._answer(worker, request)
            if not worker.usable():
                worker.kill()
                self.processes[at] = None

    def _answer(self, worker: WorkerProcess, request: WorkerRequest | None) -> None:
        """Let a worker answer a request, or the idle request."""
        result: dict[str, Any] = {}
        failure: BaseException | None = None
        try:
            idle = WorkerRequest(self.idle_request or {}, Collected(), IDLE_SECONDS)
            result = worker.answer(request or idle)
            self.on_result(result)
        except AttribaseError as error:
            if request is not None and self._repeat(worker, request, error):
                return
            failure = error
        except BaseException as error:
            log.exception("a request failed")
            failure = error
        self._end(request, result, failure)

    def _repeat(self, worker: WorkerProcess, request: WorkerRequest, error: AttribaseError) -> bool:
        """Queue a request again, once, where a fresh worker has more memory for it than `worker` had.

        Its answer begins anew. Returns whether it was queued.
        """
        if type(error) is not LimitError or not (worker.worn and request.repeatable):
            return False
        worker.kill()
        worker.process.join()
        request.repeatable = False
        queued = self.queue.put(request, len(self.processes))
        if queued:
            self.queue.give_back(request)
        return queued

    def _end(
        self, request: WorkerRequest | None, result: dict[str, Any], failure: BaseException | None
    ) -> None:
        """End a request that was taken, once its room is given back."""
        if request is None:
            return
        self.queue.give_back(request)
        if failure is not None:
            request.fail(failure)
        elif not request.ended.done():
            request.ended.set_result(result)

    def _replace(self, at: int) -> WorkerProcess | None:
        """Start the worker number `at` anew; None where that fails."""
        try:
            worker = self._start()
            with self._lock:
                self.processes[at] = worker
            if self._closed.is_set():  # meanwhile: then `close` did not see it
                worker.close()
                return None
            worker.await_ready()
            self.on_result(worker.ready)
            if self.memory is not None:
                worker.limit_memory(self.memory)
        except (AttribaseError, OSError) as error:
            self.processes[at] = None
            if not self._closed.is_set():
                log.error("a worker could not be started: %s", error)
            self._start_error = NotReadyError(str(error), hint="try again in some seconds")
            return None
        self._start_error = None
        return worker

    def _sweep(self) -> None:
        """End requests that have waited too long, or whose client has disconnected."""
        while not self._closed.wait(SWEEP_SECONDS):
            for request in self.queue.remove(self._is_over):
                busy = BusyError("all workers are busy", hint="try again in some seconds")
                request.fail(self._start_error or busy)

    def _is_over(self, request: WorkerRequest) -> bool:
        return request.queued < monotonic() - self.wait or request.cancelled()
