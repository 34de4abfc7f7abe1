"""One worker process, seen from outside."""

from __future__ import annotations

import json
import multiprocessing
import time
from itertools import count
from typing import Any

from ...store.errors import AttribaseError, LimitError, NotFoundError
from . import wire
from .limits import Limits
from .measure import OVERHEAD, private_bytes, resident_bytes
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
