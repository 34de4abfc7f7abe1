"""Untrusted statements run one at a time on locked connections of this process, which has bounded memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ....store import Store
from ....store.errors import AttribaseError, TimeLimitError
from ..runner import open_reader, read_batches
from .limits import RowLimiter, SandboxLimits, time_error
from .lockdown import LockedConnections
from .statement import validate_statement

if TYPE_CHECKING:
    import duckdb

INTERRUPT_SECONDS = 0.05  # between interruptions: one that comes between two steps of DuckDB is lost
BATCH_ROWS = 1024


@dataclass(frozen=True)
class LimitedRows:
    """The rows of a statement: read `batches` once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    limiter: RowLimiter

    @property
    def truncated(self) -> bool:
        """Whether rows were left out; known after the last batch."""
        return self.limiter.truncated


class Sandbox:
    """Runs untrusted statements, one at a time. Use it in a worker process: see `SqlPool`."""

    def __init__(self, store: Store, limits: SandboxLimits, refresh: float) -> None:
        """`refresh`: seconds after which a statement looks for new data."""
        self.limits = limits
        self._connections = LockedConnections(store, limits, refresh)
        self._lock = threading.Lock()
        self._running: StatementTimeout | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Stop the statement that runs, or the next one where none does. For other threads."""
        with self._lock:
            self._cancelled = True
            if self._running is not None:
                self._running.cancel()

    def reset(self) -> None:
        """Forget a `cancel` of a statement that had ended."""
        with self._lock:
            self._cancelled = False

    @contextmanager
    def run(self, statement: str, params: Any, max_rows: int | None, seconds: float) -> Iterator[LimitedRows]:
        """The rows of one SELECT, at most `max_rows` and those of the limits.

        Raises:
            InvalidInputError: not one SELECT over the store's tables, or an error of DuckDB's.
            LimitError: it needs too much memory, or a value is too large.
            TimeLimitError: it took more than `seconds`, or was cancelled.
        """
        most = self.limits.max_rows if max_rows is None else min(max(0, max_rows), self.limits.max_rows)
        began = time.monotonic()
        con = self._connections.connection_for(statement)
        timeout = StatementTimeout(con, max(0.01, seconds - (time.monotonic() - began)))
        self._begin(timeout)
        try:
            with self._connections.read_only(con), timeout:
                validate_statement(con, statement, max_length=self.limits.max_statement)
                with self._read(con, statement, params, RowLimiter(most, self.limits)) as rows:
                    yield rows
        except AttribaseError as error:
            raise self._explain(error, timeout, seconds) from error
        except MemoryError as error:
            raise self.limits.memory_error() from error
        finally:
            with self._lock:
                self._running = None
                self._cancelled = False

    def _begin(self, timeout: StatementTimeout) -> None:
        with self._lock:
            if self._cancelled:
                timeout.cancel()
            self._running = timeout

    @contextmanager
    def _read(
        self, con: duckdb.DuckDBPyConnection, text: str, params: Any, limiter: RowLimiter
    ) -> Iterator[LimitedRows]:
        with (
            closing(open_reader(con, text, params, BATCH_ROWS)) as reader,
            closing(limiter.limit(read_batches(reader, text))) as batches,
        ):
            first = next(batches, None)  # so that most errors come before the schema
            yield LimitedRows(reader.schema, chain([first] if first is not None else [], batches), limiter)

    def _explain(self, error: AttribaseError, timeout: StatementTimeout, seconds: float) -> AttribaseError:
        """The error to report: for a stopped statement the reason, not DuckDB's interruption."""
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
