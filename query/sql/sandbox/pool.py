"""A pool of worker processes that run untrusted statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ....store import Store
from ....store.errors import ClientDisconnectedError, TimeLimitError
from ...workers import Collected, WorkerPool, WorkerRequest, parse_size
from .limits import OVERHEAD, SandboxLimits
from .worker import read_batches, serve_statements

WAIT_SECONDS = 5.0  # that a statement waits for a worker
GRACE_SECONDS = 2.0  # over its time that a statement may take to stop by itself
Params = Mapping[str, Any] | Sequence[Any] | None


@dataclass(frozen=True)
class SqlRows:
    """The record batches of an answer, and whether rows were left out."""

    schema: pa.Schema
    batches: list[pa.RecordBatch]
    truncated: bool

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self.batches)

    def table(self) -> pa.Table:
        """All rows."""
        return pa.Table.from_batches(self.batches, self.schema)


class SqlPool:
    """Read-only SQL over the store at `uri`. Thread-safe.

    Each worker is a process with a locked DuckDB connection. A statement that takes too long or too much
    memory fails with an error; at worst its process is killed and replaced.

    Args:
        uri: the store.
        workers: how many statements can run at once.
        memory: of each, as `1GB`.
        seconds: from start to last row.
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
        self.workers = WorkerPool(
            serve_statements,
            (self.uri, self.limits, refresh),
            workers=workers,
            wait=wait,
            name="attribase-sql",
        )
        self.workers.open()
        self.workers.run(self.limits.memory + OVERHEAD)

    def run(
        self,
        statement: str,
        params: Params = None,
        *,
        max_rows: int | None = None,
        seconds: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> SqlRows:
        """Run one SELECT. Returns when all rows are there.

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
        fields = {
            "statement": statement,
            "params": dict(params) if isinstance(params, Mapping) else params,
            "max_rows": max_rows,
        }
        time = self.limits.seconds if seconds is None else min(max(0.01, seconds), self.limits.seconds)
        answer = Collected()
        request = WorkerRequest(fields, answer, time, overrun=GRACE_SECONDS)
        if cancelled is not None:
            request.cancelled = cancelled
        self.workers.submit(request)
        try:
            result = request.ended.result()
        except ClientDisconnectedError as error:
            raise TimeLimitError("the statement was cancelled") from error
        schema, batches = read_batches(b"".join(answer.parts), result["sizes"])
        return SqlRows(schema, batches, bool(result["truncated"]))

    def close(self) -> None:
        """End all workers, and what they run. Safe to call again."""
        self.workers.close()

    def __enter__(self) -> SqlPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
