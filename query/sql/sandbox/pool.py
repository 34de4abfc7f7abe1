"""A pool of worker processes that run untrusted statements, watched and replaced when they are killed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ....store import Store
from ....store.errors import BusyError, InvalidInputError
from .limits import SandboxLimits, parse_size
from .process import SqlRows, WorkerProcess

WATCH_SECONDS = 0.1  # between checks of the time and memory of the workers
WAIT_SECONDS = 5.0  # that a statement waits for a worker
Params = Mapping[str, Any] | Sequence[Any] | None


class SqlPool:
    """Read-only SQL over the store at `uri`. Thread-safe.

    Each worker is a process with a locked DuckDB connection. A statement that takes too long or too much
    memory fails with an error; at worst its process is killed and replaced.

    Args:
        uri: the store.
        workers: how many statements can run at once.
        memory: of each, as `1GB`.
        seconds: from start to last row, reading it included.
        max_rows: of an answer; one with more rows is cut and `truncated`.
        max_cell_bytes: of one value.
        refresh: seconds after which a worker checks for new data.
        wait: seconds that a statement waits while all workers are busy.
    """

    def __init__(
        self,
        uri: str,
        *,
        workers: int = 2,
        memory: str = "1GB",
        seconds: float = 30.0,
        max_rows: int = 100_000,
        max_cell_bytes: int = 2**20,
        refresh: float = 5.0,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.uri = Store.open(uri).uri  # fails here, not in a worker
        self.limits = SandboxLimits(parse_size(memory), seconds, max_rows, max_cell_bytes)
        self.refresh = refresh
        self.wait = wait
        self._closed = threading.Event()
        self._idle: queue.Queue[WorkerProcess] = queue.Queue()
        self._all: set[WorkerProcess] = set()
        self._lock = threading.Lock()
        self.workers = workers
        self._fill_up()
        threading.Thread(target=self._watch, daemon=True, name="attribase-sql-watch").start()

    def run(
        self,
        statement: str,
        params: Params = None,
        *,
        max_rows: int | None = None,
        seconds: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> SqlRows:
        """Run one SELECT. Returns when the first rows are there; read them from the answer.

        Args:
            statement: DuckDB SQL.
            params: values for `$name` (a mapping) or `?` (a sequence), of JSON's types.
            max_rows: fewer than the pool's; more have no effect.
            seconds: less than the pool's; more have no effect.
            cancelled: polled while the statement runs; when it returns True the statement is stopped.

        Raises:
            InvalidInputError: not one SELECT over the store's tables, or an error of DuckDB's.
            LimitError: it needs too much memory, or a value is too large.
            TimeLimitError: it took too long, or was cancelled.
            BusyError: every worker is busy.
        """
        rows = self.limits.max_rows if max_rows is None else min(max(0, max_rows), self.limits.max_rows)
        time = self.limits.seconds if seconds is None else min(max(0.01, seconds), self.limits.seconds)
        if isinstance(params, Mapping):
            params = dict(params)
        worker = self._take()
        try:
            worker.ask(statement, params, rows, time)
        except (TypeError, ValueError) as error:
            self._release(worker, True)
            raise InvalidInputError(
                f"these parameters cannot be sent: {error}", hint="use JSON's types only"
            ) from error
        except (EOFError, OSError) as error:
            self._release(worker, False)
            raise worker.death_error() from error
        except BaseException:
            self._release(worker, False)
            raise
        return SqlRows(worker, self._release, cancelled)

    def close(self) -> None:
        """End all workers, and what they run. Safe to call again."""
        self._closed.set()
        with self._lock:
            workers, self._all = self._all, set()
        for worker in workers:
            worker.kill("closed")
        for worker in workers:
            worker.process.join()

    def __enter__(self) -> SqlPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fill_up(self) -> None:
        """Start as many workers as are missing."""
        while not self._closed.is_set() and len(self._all) < self.workers:
            worker = WorkerProcess(self.uri, self.limits, self.refresh)
            with self._lock:
                self._all.add(worker)
            self._idle.put(worker)
            if self._closed.is_set():  # meanwhile: then `close` did not see it
                worker.kill("closed")

    def _take(self) -> WorkerProcess:
        if self._closed.is_set():
            raise BusyError("SQL is shut down", hint="open another pool")
        while True:
            try:
                worker = self._idle.get(timeout=self.wait)
            except queue.Empty:
                raise BusyError(
                    "all workers are busy with other statements", hint="try again in some seconds"
                ) from None
            with self._lock:
                known = worker in self._all  # else it was killed while it waited here
            if known and worker.process.alive():
                return worker
            self._release(worker, False)

    def _release(self, worker: WorkerProcess, healthy: bool) -> None:
        """Take a worker back, or end it; `_watch` starts another one in its place."""
        worker.deadline = float("inf")
        healthy = healthy and not worker.keeps_too_much()
        with self._lock:
            known = worker in self._all
            if known and not healthy:
                self._all.remove(worker)
        if not known:
            return  # replaced already, or the pool is closed
        if healthy:
            self._idle.put(worker)
        else:
            worker.kill()

    def _watch(self) -> None:
        """Kill workers that exceed their limits, also while no answer is read; replace those that ended."""
        while not self._closed.wait(WATCH_SECONDS):
            with suppress(OSError):  # a process that cannot be started now is started later
                self._fill_up()
            with self._lock:
                workers = list(self._all)
            for worker in workers:
                reason = worker.exceeded()
                if reason:
                    worker.kill(reason)
                    self._release(worker, False)
