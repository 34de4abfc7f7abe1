"""Bodies and answers on their way: in memory while they are small, else in a temporary file; all counted."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

from ...store.errors import AttribaseError, OverloadedError
from ..workers import MB

SLICE_BYTES = 256 << 10
"""A spool is read in slices of this size."""

SMALL_BYTES = 256 << 10
"""What is larger goes to a temporary file."""

MEMORY_BYTES = 48 * MB
"""Small bodies and answers kept in memory, all together; with more, they too go to files."""


class SpoolBudget:
    """The bytes of all spools of one kind together. Thread-safe."""

    def __init__(self, total: int, what: str) -> None:
        """`total`: bytes in memory and files. `what`: of the message when there are more."""
        self.total, self.what = total, what
        self.used = self.in_memory = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count `size` bytes more. Raises OverloadedError where they do not fit."""
        with self._lock:
            if self.used + size > self.total:
                raise OverloadedError(f"too many large {self.what} at once", hint="try again in a second")
            self.used += size

    def keep(self, size: int) -> bool:
        """Count `size` bytes in memory; False where they do not fit: then they go to a file."""
        with self._lock:
            fits = self.in_memory + size <= MEMORY_BYTES
            self.in_memory += size if fits else 0
            return fits

    def give_back(self, size: int, in_memory: int) -> None:
        """Count so many bytes less."""
        with self._lock:
            self.used -= size
            self.in_memory -= in_memory


class Spool:
    """Bytes written by one thread and then read, in slices. Close it to give its bytes back."""

    def __init__(self, budget: SpoolBudget) -> None:
        self._budget = budget
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()  # a client that leaves closes it while a worker writes
        self._closed = False
        self._kept = 0
        self.size = 0
        """Bytes written."""
        self.head: dict[str, Any] = {}
        """The description of an answer."""

    def begin(self, head: dict[str, Any]) -> None:
        """Begin an answer, or begin it again: what was written before is dropped."""
        with self._lock:
            self._clear()
            self.head = head

    def write(self, data: bytes) -> None:
        """Append bytes. Raises OverloadedError where there is no room for them."""
        with self._lock:
            if not data:
                return
            if self._closed:
                raise AttribaseError("the request has ended")
            self._budget.take(len(data))
            self.size += len(data)
            if self._file is None:
                if self.size <= SMALL_BYTES and self._budget.keep(len(data)):
                    self._parts.append(data)
                    self._kept += len(data)
                    return
                self._move_to_file()
            self._append(data)

    def __len__(self) -> int:
        """The number of slices."""
        return -(-self.size // SLICE_BYTES)

    def __iter__(self) -> Iterator[bytes]:
        """The slices, each of SLICE_BYTES, the last one shorter."""
        if self._file is None:
            yield from [b"".join(self._parts)] if self._parts else []
            return
        self._file.seek(0)
        while data := self._file.read(SLICE_BYTES):
            yield data

    def __contains__(self, data: object) -> bool:
        return any(data == part for part in self)

    def close(self) -> None:
        """Drop everything. Safe to call again, and from any thread."""
        with self._lock:
            self._closed = True
            self._clear()

    def _clear(self) -> None:
        self._budget.give_back(self.size, self._kept)
        self.size = self._kept = 0
        self._parts = []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _move_to_file(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by `close`
        for part in self._parts:
            self._append(part)
        self._budget.give_back(0, self._kept)
        self._parts, self._kept = [], 0

    def _append(self, data: bytes) -> None:
        try:
            if self._file is not None:
                self._file.write(data)
        except OSError as error:
            raise OverloadedError(
                f"no room for a temporary file: {error.strerror}", hint="free some space on the disk"
            ) from error
