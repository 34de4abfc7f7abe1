"""The process that runs strangers' statements, one at a time. It may be killed at any moment."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
from contextlib import closing
from itertools import chain
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ....store import Store
from ....store.errors import AttribaseError, InvalidInputError, LimitError, TimeLimitError
from ..runner import open_reader, read_batches
from . import messages as wire
from .connections import Connections
from .limits import Limits, RowLimiter
from .lockdown import OVERHEAD, bound_private, private_bytes
from .statement import check

if TYPE_CHECKING:
    import duckdb


AGAIN = 0.05  # seconds between interruptions: one that comes between two steps of DuckDB is lost


class Guard:
    """While this lasts, `con` is interrupted once `seconds` are over or `cancel` was called; never after.

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

    def __enter__(self) -> Guard:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # an interruption that comes late would hit whatever runs next
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
            time.sleep(AGAIN)


BATCH_ROWS = 1024
Request = dict[str, Any]


def serve(pipe: Connection, uri: str, limits: Limits, refresh: float) -> None:
    """Answer what comes through `pipe` until it is closed. The entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this
    try:
        worker = Worker(pipe, Connections(Store.open(uri), limits, refresh), limits)
    except AttribaseError as error:
        wire.send_error(pipe, error)
        return
    bound_private(limits.memory + OVERHEAD)
    wire.send_json(pipe, wire.READY, private=private_bytes() or 0)
    worker.run()


class Worker:
    """Runs requests in this thread, while another one listens for cancellations and for the end."""

    def __init__(self, pipe: Connection, connections: Connections, limits: Limits) -> None:
        self.pipe = pipe
        self.connections = connections
        self.limits = limits
        self.requests: queue.Queue[Request] = queue.Queue()
        self.running: tuple[str, Guard] | None = None
        self.unwanted = ""
        self.lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self) -> None:
        """Answer requests for ever."""
        while True:
            request = self.requests.get()
            try:
                self._answer(request)
            except AttribaseError as error:
                wire.send_error(self.pipe, error)
            except MemoryError:
                wire.send_error(self.pipe, out_of_memory(self.limits))
            except OSError:  # the pipe: nobody listens any more
                os._exit(0)
            except Exception as error:  # against some value; there is no one else to tell it to
                reason = f"the answer cannot be sent: {type(error).__name__}: {error}"
                wire.send_error(self.pipe, InvalidInputError(reason, hint="cast the column to text"))

    def _listen(self) -> None:
        try:
            while True:
                letter, payload = wire.receive(self.pipe)
                if letter == wire.ASK:
                    self.requests.put(json.loads(payload))
                elif letter == wire.CANCEL:
                    self._cancel(payload.decode())
        except (EOFError, OSError):
            os._exit(0)  # whoever asked is gone

    def _cancel(self, request: str) -> None:
        with self.lock:
            if self.running is not None and self.running[0] == request:
                self.running[1].cancel()
            else:
                self.unwanted = request  # before it was begun, or after it was done

    def _begun(self, request: Request, guard: Guard) -> None:
        with self.lock:
            if self.unwanted == request["id"]:
                guard.cancel()
            self.running = (request["id"], guard)

    def _answer(self, request: Request) -> None:
        began = time.monotonic()
        con = self.connections.of(request["statement"])
        guard = Guard(con, max(0.01, request["seconds"] - (time.monotonic() - began)))
        self._begun(request, guard)
        try:
            with self.connections.reading(con), guard:
                check(con, request["statement"], longest=self.limits.max_statement)
                cutter = RowLimiter(request["max_rows"], self.limits)
                self._stream(request, con, cutter)
        except AttribaseError as error:
            raise self._reason(error, guard, request["seconds"]) from error
        finally:
            self.running = None
        wire.send_json(self.pipe, wire.DONE, truncated=cutter.truncated)

    def _stream(self, request: Request, con: duckdb.DuckDBPyConnection, cutter: RowLimiter) -> None:
        text = request["statement"]
        with (
            closing(open_reader(con, text, request["params"], BATCH_ROWS)) as reader,
            closing(cutter.cut(read_batches(reader, text))) as batches,
        ):
            first = next(batches, None)  # errors come before the schema, as far as can be
            wire.send_schema(self.pipe, reader.schema)
            for batch in chain([first] if first is not None else [], batches):
                wire.send_batch(self.pipe, batch)

    def _reason(self, error: AttribaseError, guard: Guard, seconds: float) -> AttribaseError:
        """What to tell: a stopped statement says why it was stopped, not that it was interrupted."""
        if guard.reason == "time":
            return out_of_time(seconds)
        if guard.reason == "cancelled":
            return TimeLimitError("the statement was cancelled")
        if str(error).startswith("Out of Memory") or "MemoryError" in str(error.__cause__):
            return out_of_memory(self.limits)
        return error


def out_of_memory(limits: Limits) -> LimitError:
    """The error of a statement that needs too much memory."""
    return LimitError(
        f"the statement needs more than {limits.memory / 10**6:,.0f} MB of memory",
        hint="ask for less at once: filter, aggregate, or add a limit",
    )


def out_of_time(seconds: float) -> TimeLimitError:
    """The error of a statement that takes too long."""
    return TimeLimitError(
        f"the statement took more than {seconds:g} seconds",
        hint="ask for less at once: filter earlier, join on keys, or add a limit",
    )
