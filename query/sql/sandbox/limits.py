"""The limits of one untrusted statement: time, rows, bytes and memory."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ....store.errors import InvalidInputError, LimitError, TimeLimitError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

OVERHEAD = 2**29
"""Bytes beside DuckDB's own limit: Arrow batches being sent, Lance's readers, stacks of threads."""
UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


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


def parse_size(text: str) -> int:
    """Bytes of `1GB`, `512 MiB`. Raises InvalidInputError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)\s*", text.lower())
    if found is None or found[2] not in UNITS:
        raise InvalidInputError(f"{text!r} is not an amount of memory", hint="for example 1GB or 512MiB")
    return int(float(found[1]) * UNITS[found[2]])


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


def resident_bytes(process: int | str = "self") -> int | None:
    """Resident memory of a process in bytes; None where the system does not report it (not Linux)."""
    return _proc_status(process, "VmRSS")


def private_bytes(process: int | str = "self") -> int | None:
    """Private writable memory of a process in bytes, touched or not; None where it is not reported."""
    return _proc_status(process, "VmData")


def limit_private_memory(more: int) -> None:
    """Let this process grow by `more` bytes of private memory and no further, where the system supports it.

    RLIMIT_DATA counts private writable memory only (Linux 4.7), so address space that libraries reserve
    and never touch costs nothing, which RLIMIT_AS would count.
    """
    now = private_bytes()
    if resource is None or now is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + more
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, wanted))


def _proc_status(process: int | str, name: str) -> int | None:
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
