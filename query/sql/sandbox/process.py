"""One worker process, seen from outside."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pyarrow as pa

from ....store.errors import AttribaseError, LimitError, NotFoundError, TimeLimitError
from . import messages as wire
from .limits import Limits
from .lockdown import OVERHEAD, private_bytes, resident_bytes
from .worker import out_of_memory, out_of_time, serve

STARTUP = 60.0  # seconds that a worker may take to open the store
GRACE = 2.0  # seconds over its time that a worker may take to stop by itself
WORN = 0.6  # of its allowance, which a worker may keep after a statement before it is replaced
CANCELLING = 1.0  # seconds to wait for a cancelled statement before its worker is killed
_numbers = count()


class WorkerProcess:
    """Starts at once; used by one statement at a time."""

    def __init__(self, uri: str, limits: Limits, refresh: float) -> None:
        spawn = multiprocessing.get_context("spawn")  # never fork: Lance has threads
        self.limits = limits
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(
            target=serve, args=(theirs, uri, limits, refresh), daemon=True, name="attribase-sql"
        )
        self.process.start()
        theirs.close()
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
        self.deadline = time.monotonic() + seconds + GRACE
        wire.send_json(
            self.pipe,
            wire.ASK,
            id=self.request,
            statement=statement,
            params=params,
            max_rows=max_rows,
            seconds=seconds,
        )

    def _await_start(self) -> None:
        if self.ready:
            return
        if not self.pipe.poll(STARTUP):
            raise OSError("a worker did not start")
        letter, payload = wire.receive(self.pipe)
        if letter == wire.ERROR:
            raise wire.read_error(payload)
        self.ready, self.private = True, int(json.loads(payload)["private"])

    def cancel(self) -> bool:
        """Stop what runs. Returns whether the worker can go on; otherwise it has to be replaced."""
        until = time.monotonic() + CANCELLING
        try:
            wire.send(self.pipe, wire.CANCEL, self.request.encode())
            while self.pipe.poll(max(0.0, until - time.monotonic())):
                letter, _ = wire.receive(self.pipe)
                if letter in (wire.DONE, wire.ERROR):
                    return True
        except (EOFError, OSError):
            pass
        return False

    def overdue(self) -> str:
        """Why the worker must be killed now: `time`, `memory`, or nothing. Idle ones need not be."""
        if self.deadline == float("inf"):
            return ""
        if time.monotonic() > self.deadline:
            return "time"
        resident = resident_bytes(self.process.pid or 0)
        if resident is not None and resident > self.limits.memory + 2 * OVERHEAD:
            return "memory"
        return ""

    def worn(self) -> bool:
        """Whether so little of its allowance is left that others would suffer for what one statement took.

        What DuckDB's allocator once had it keeps, for itself: it counts, and nothing else can have it.
        """
        grown = (private_bytes(self.process.pid or 0) or 0) - self.private
        return grown > WORN * (self.limits.memory + OVERHEAD)

    def kill(self, reason: str = "") -> None:
        """End the process now."""
        self.killed_for = self.killed_for or reason
        self.process.kill()

    def death(self) -> AttribaseError:
        """The error for whoever waited for a worker that died."""
        if self.killed_for == "time":
            return out_of_time(self.seconds)
        if self.killed_for == "closed":
            return NotFoundError("SQL is being shut down", hint="ask again when the service is back")
        if self.killed_for == "memory":
            return out_of_memory(self.limits)
        return LimitError(
            "the statement ended the process that ran it, most likely for want of memory",
            hint="ask for less at once: filter, aggregate, or add a limit",
        )


POLL = 0.05  # seconds between looks at whether anybody still waits


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
            self.schema: pa.Schema = wire.read_schema(payload)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches as they come. Raises the errors of `SqlPool.run`."""
        try:
            while not self._finished:
                letter, payload = self._next()
                if letter == wire.BATCH:
                    yield wire.read_batch(payload)
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
        """A worker is not lost with an answer that nobody closed."""
        self.close()

    def _finish(self, *, healthy: bool) -> None:
        self._finished = True
        self._release(self._worker, healthy)

    def _next(self) -> tuple[bytes, bytes]:
        """The next message. Raises what the worker reports, or why it is gone."""
        try:
            while not self._worker.pipe.poll(POLL):
                if self._cancelled():
                    self.close()
                    raise TimeLimitError("nobody waits for this statement any more")
            letter, payload = wire.receive(self._worker.pipe)
        except (EOFError, OSError) as error:
            if not self._finished:
                self._finish(healthy=False)
            raise self._worker.death() from error
        if letter == wire.ERROR:
            self._finish(healthy=True)
            raise wire.read_error(payload)
        return letter, payload
