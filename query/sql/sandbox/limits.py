"""The limits of one untrusted statement: time, rows, bytes and memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass

import pyarrow as pa

from ....store.errors import LimitError, TimeLimitError

OVERHEAD = 2**29
"""Bytes beside DuckDB's own limit: Arrow batches being sent, Lance's readers, stacks of threads."""


@dataclass(frozen=True)
class SandboxLimits:
    """Bounds of one statement: bytes of memory, seconds from start to last row, rows and bytes of an answer.

    `threads` is what one worker may use; `max_statement` counts characters.
    """

    memory: int = 10**9
    seconds: float = 30.0
    max_rows: int = 100_000
    max_cell_bytes: int = 2**20
    max_bytes: int = 64 * 2**20
    max_statement: int = 100_000
    threads: int = 1

    def memory_error(self) -> LimitError:
        """The error of a statement that needs too much memory."""
        return LimitError(
            f"the statement needs more than {self.memory / 10**6:,.0f} MB of memory",
            hint="ask for less at once: filter, aggregate, or add a limit",
        )


def time_error(seconds: float) -> TimeLimitError:
    """The error of a statement that takes more than `seconds`."""
    return TimeLimitError(
        f"the statement took more than {seconds:g} seconds",
        hint="ask for less at once: filter earlier, join on keys, or add a limit",
    )


class RowLimiter:
    """Passes on record batches until there are enough rows or bytes; then `truncated` is true."""

    def __init__(self, max_rows: int, limits: SandboxLimits) -> None:
        self.rows_left = max_rows
        self.bytes_left = limits.max_bytes
        self.cell_bytes = limits.max_cell_bytes
        self.truncated = False

    def limit(self, batches: Iterable[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
        """The first batches, the last one maybe shorter. Raises LimitError for a value that is too large."""
        for batch in batches:
            if batch.num_rows == 0:
                continue
            if self.rows_left <= 0 or self.bytes_left <= 0:
                self.truncated = True
                return
            if batch.num_rows > self.rows_left:
                self.truncated = True
            part = batch.slice(0, self.rows_left)
            self._check_cells(part)
            while part.nbytes > self.bytes_left and part.num_rows > 1:
                part, self.truncated = part.slice(0, part.num_rows // 2), True
            self.rows_left -= part.num_rows
            self.bytes_left -= part.nbytes
            yield part
            if self.truncated:
                return

    def _check_cells(self, batch: pa.RecordBatch) -> None:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.nbytes <= self.cell_bytes:
                continue
            largest = max(column.slice(row, 1).nbytes for row in range(len(column)))
            if largest > self.cell_bytes:
                raise LimitError(
                    f"a value of column {name} has {largest:,} bytes; the limit is {self.cell_bytes:,}",
                    hint="select a part of it, for example left(column, 1000)",
                )
