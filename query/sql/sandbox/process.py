"""The pool's side of a worker process: its start, its limits, and the rows that it sends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pyarrow as pa

from ....runtime.processes import ChildProcess
from ....store.errors import AttribaseError, LimitError, NotFoundError, TimeLimitError
from . import messages
from .limits import OVERHEAD, SandboxLimits, private_bytes, resident_bytes, time_error
from .worker import serve

START_SECONDS = 60.0  # that a worker may take to open the store
GRACE_SECONDS = 2.0  # over its time that a worker may take to stop by itself
CANCEL_SECONDS = 1.0  # to wait for a cancelled statement before its worker is killed
POLL_SECONDS = 0.05  # between calls of `cancelled`
MAX_KEPT = 0.6  # of its memory limit, which a worker may keep after a statement before it is replaced
_numbers = count()


class WorkerProcess:
    """A worker process, started at once and used by one statement at a time."""

    def __init__(self, uri: str, limits: SandboxLimits, refresh: float) -> None:
        self.limits = limits
        self.process = ChildProcess(serve, uri, limits, refresh, name="attribase-sql")
        self.ready = False
        self.private = 0
        self.request = ""
        self.seconds = limits.seconds
        self.deadline = float("inf")
        self.killed_for = ""

    def ask(self, statement: str, params: Any, max_rows: int, seconds: float) -> None:
        """Send a statement. Raises NotFoundError or the like when the worker could not start."""
        self._await_start()
        self.request = str(next(_numbers))
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds + GRACE_SECONDS
        messages.send_json(
            self.process.pipe,
            messages.ASK,
            id=self.request,
            statement=statement,
            params=params,
            max_rows=max_rows,
            seconds=seconds,
        )

    def receive(self, cancelled: Callable[[], bool]) -> tuple[bytes, bytes]:
        """The next message. Raises TimeLimitError when cancelled, EOFError or OSError when it is gone."""
        while not self.process.pipe.poll(POLL_SECONDS):
            if cancelled():
                raise TimeLimitError("the statement was cancelled: the client disconnected")
        return messages.receive(self.process.pipe)

    def _await_start(self) -> None:
        if self.ready:
            return
        if not self.process.pipe.poll(START_SECONDS):
            raise OSError("a worker did not start")
        letter, payload = messages.receive(self.process.pipe)
        if letter == messages.ERROR:
            raise messages.read_error(payload)
        self.ready, self.private = True, int(json.loads(payload)["private"])

    def cancel(self) -> bool:
        """Stop the statement. Returns whether the worker can go on; otherwise it has to be replaced."""
        pipe, until = self.process.pipe, time.monotonic() + CANCEL_SECONDS
        try:
            messages.send(pipe, messages.CANCEL, self.request.encode())
            while pipe.poll(max(0.0, until - time.monotonic())):
                letter, _ = messages.receive(pipe)
                if letter in (messages.DONE, messages.ERROR):
                    return True
        except (EOFError, OSError):
            pass
        return False

    def exceeded(self) -> str:
        """The limit for which the worker must be killed now: `time` or `memory`; '' for none."""
        if self.deadline == float("inf"):
            return ""
        if time.monotonic() > self.deadline:
            return "time"
        resident = resident_bytes(self.process.pid)
        if resident is not None and resident > self.limits.memory + 2 * OVERHEAD:
            return "memory"
        return ""

    def keeps_too_much(self) -> bool:
        """Whether so little memory is left that later statements would fail because of an earlier one.

        DuckDB's allocator does not return all memory: it counts against the limit and only DuckDB can use it.
        """
        grown = (private_bytes(self.process.pid) or 0) - self.private
        return grown > MAX_KEPT * (self.limits.memory + OVERHEAD)

    def kill(self, reason: str = "") -> None:
        """End the process now."""
        self.killed_for = self.killed_for or reason
        self.process.kill()

    def death_error(self) -> AttribaseError:
        """The error of a statement whose worker died."""
        if self.killed_for == "time":
            return time_error(self.seconds)
        if self.killed_for == "closed":
            return NotFoundError("SQL is being shut down", hint="ask again when the service is back")
        if self.killed_for == "memory":
            return self.limits.memory_error()
        return LimitError(
            "the statement ended the process that ran it, most likely for lack of memory",
            hint="ask for less at once: filter, aggregate, or add a limit",
        )


class SqlRows:
    """Iterate over the record batches once. After the last one `truncated` says whether there were more rows.

    Closing it (or using it in a `with`) stops the statement and frees its worker.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        release: Callable[[WorkerProcess, bool], None],
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._worker = worker
        self._release = release
        self._cancelled = cancelled or (lambda: False)
        self._finished = False
        self.truncated = False
        try:
            _, payload = self._next()
            self.schema: pa.Schema = messages.read_schema(payload)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches as they come. Raises the errors of `SqlPool.run`."""
        try:
            while not self._finished:
                letter, payload = self._next()
                if letter == messages.BATCH:
                    yield messages.read_batch(payload)
                else:
                    self.truncated = bool(json.loads(payload)["truncated"])
                    self._finish(healthy=True)
        finally:
            self.close()

    def table(self) -> pa.Table:
        """All rows in memory."""
        return pa.Table.from_batches(list(self), self.schema)

    def close(self) -> None:
        """Stop the statement when it still runs. Safe to call again."""
        if not self._finished:
            self._finish(healthy=self._worker.cancel())

    def __enter__(self) -> SqlRows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Free the worker of an answer that was never closed."""
        self.close()

    def _finish(self, *, healthy: bool) -> None:
        self._finished = True
        self._release(self._worker, healthy)

    def _next(self) -> tuple[bytes, bytes]:
        """The next message. Raises what the worker reports, or why it is gone."""
        try:
            letter, payload = self._worker.receive(self._cancelled)
        except TimeLimitError:
            self.close()
            raise
        except (EOFError, OSError) as error:
            if not self._finished:
                self._finish(healthy=False)
            raise self._worker.death_error() from error
        if letter == messages.ERROR:
            self._finish(healthy=True)
            raise messages.read_error(payload)
        return letter, payload
