"""The process that runs untrusted statements, one at a time. It may be killed at any moment."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from contextlib import closing
from itertools import chain
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ....store import Store
from ....store.errors import AttribaseError, InvalidInputError, TimeLimitError
from ..runner import open_reader, read_batches
from . import messages
from .limits import OVERHEAD, RowLimiter, SandboxLimits, limit_private_memory, private_bytes, time_error
from .lockdown import LockedConnections
from .statement import validate_statement

if TYPE_CHECKING:
    import duckdb

INTERRUPT_SECONDS = 0.05  # between interruptions: one that comes between two steps of DuckDB is lost
BATCH_ROWS = 1024
Request = dict[str, Any]


def serve(pipe: Connection, uri: str, limits: SandboxLimits, refresh: float) -> None:
    """The main function of a worker: answer what comes through `pipe` until it is closed."""
    try:
        worker = Worker(pipe, LockedConnections(Store.open(uri), limits, refresh), limits)
    except AttribaseError as error:
        messages.send_error(pipe, error)
        return
    limit_private_memory(limits.memory + OVERHEAD)
    messages.send_json(pipe, messages.READY, private=private_bytes() or 0)
    worker.run()


class Worker:
    """Runs requests in this thread, while another one listens for cancellations and for the end."""

    def __init__(self, pipe: Connection, connections: LockedConnections, limits: SandboxLimits) -> None:
        self.pipe = pipe
        self.connections = connections
        self.limits = limits
        self.requests: queue.Queue[Request] = queue.Queue()
        self.running: tuple[str, StatementTimeout] | None = None
        self.cancelled = ""
        self.lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self) -> None:
        """Answer requests for ever."""
        while True:
            request = self.requests.get()
            try:
                self._answer(request)
            except AttribaseError as error:
                messages.send_error(self.pipe, error)
            except MemoryError:
                messages.send_error(self.pipe, self.limits.memory_error())
            except OSError:  # the parent closed the pipe
                os._exit(0)
            except Exception as error:  # caused by values, which are user input: go on
                reason = f"the answer cannot be sent: {type(error).__name__}: {error}"
                messages.send_error(self.pipe, InvalidInputError(reason, hint="cast the column to text"))

    def _listen(self) -> None:
        try:
            while True:
                letter, payload = messages.receive(self.pipe)
                if letter == messages.ASK:
                    self.requests.put(json.loads(payload))
                elif letter == messages.CANCEL:
                    self._cancel(payload.decode())
        except (EOFError, OSError):
            os._exit(0)  # the parent closed the pipe

    def _cancel(self, request: str) -> None:
        with self.lock:
            if self.running is not None and self.running[0] == request:
                self.running[1].cancel()
            else:
                self.cancelled = request  # not begun yet, or done already

    def _begin(self, request: Request, timeout: StatementTimeout) -> None:
        with self.lock:
            if self.cancelled == request["id"]:
                timeout.cancel()
            self.running = (request["id"], timeout)

    def _answer(self, request: Request) -> None:
        began = time.monotonic()
        con = self.connections.connection_for(request["statement"])
        timeout = StatementTimeout(con, max(0.01, request["seconds"] - (time.monotonic() - began)))
        self._begin(request, timeout)
        try:
            with self.connections.read_only(con), timeout:
                validate_statement(con, request["statement"], max_length=self.limits.max_statement)
                limiter = RowLimiter(request["max_rows"], self.limits)
                self._stream(request, con, limiter)
        except AttribaseError as error:
            raise self._explain(error, timeout, request["seconds"]) from error
        finally:
            self.running = None
        messages.send_json(self.pipe, messages.DONE, truncated=limiter.truncated)

    def _stream(self, request: Request, con: duckdb.DuckDBPyConnection, limiter: RowLimiter) -> None:
        text = request["statement"]
        with (
            closing(open_reader(con, text, request["params"], BATCH_ROWS)) as reader,
            closing(limiter.limit(read_batches(reader, text))) as batches,
        ):
            first = next(batches, None)  # so that most errors come before the schema
            messages.send_schema(self.pipe, reader.schema)
            for batch in chain([first] if first is not None else [], batches):
                messages.send_batch(self.pipe, batch)

    def _explain(self, error: AttribaseError, timeout: StatementTimeout, seconds: float) -> AttribaseError:
        """The error to send: for a stopped statement the reason, not DuckDB's interruption."""
        if timeout.reason == "time":
            return time_error(seconds)
        if timeout.reason == "cancelled":
            return TimeLimitError("the statement was cancelled")
        if str(error).startswith("Out of Memory") or "MemoryError" in str(error.__cause__):
            return self.limits.memory_error()
        return error


class StatementTimeout:
    """In its context `con` is interrupted once `seconds` are over or `cancel` was called; never after it.

    `reason` is then `time` or `cancelled`; as long as neither happened it is empty.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self.con = con
        self.seconds = seconds
        self.reason = ""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = False

    def cancel(self) -> None:
        """Stop the statement. For other threads."""
        self.reason = self.reason or "cancelled"
        self._wake.set()

    def __enter__(self) -> StatementTimeout:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # an interruption that comes late would hit the next statement
            self._ended = True
        self._wake.set()

    def _watch(self) -> None:
        if not self._wake.wait(self.seconds):
            self.reason = self.reason or "time"
        while True:
            with self._lock:
                if self._ended:
                    return
                self.con.interrupt()
            time.sleep(INTERRUPT_SECONDS)
