"""Rows of a vector column by position, read straight from the files of a local table that hold them plainly.

Lance 14 takes about 20 microseconds of a core for each row that is read by position. Its files (format 2.1)
keep vectors without nulls one after the other, and say at which byte each page begins. With any other layout,
a deleted row, or a row that differs from what Lance reads, there is no `VectorFiles`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import lance
import numpy as np
import pyarrow as pa
from lance.file import LanceFileReader
from numpy.typing import NDArray

MOST_FILES = 512
"""Files kept open of one column."""

RUN_BYTES = 64 << 20
"""Bytes asked of the system at once."""

AHEAD_BYTES = 256 << 10
"""Rows that lie one after the other over so many bytes or more are read ahead; of fewer that takes longer."""

PLAIN = ("FullZipLayout", "bits_rep: 0,", "bits_def: 0,")
"""What the layout of a page says whose vectors are not compressed, nested or null."""


@dataclass(frozen=True)
class _Page:
    """Vectors one after the other from byte `start` of a file, the first being row `first` of the table."""

    file: BinaryIO
    first: int
    start: int


class VectorFiles:
    """The files of one column of one version of a table, open. Thread-safe."""

    def __init__(self, pages: list[_Page], dim: int, kind: np.dtype[np.floating]) -> None:
        """See `open`."""
        self._pages, self.dim, self._kind = pages, dim, kind
        self._firsts = np.array([page.first for page in pages])
        self._starts = np.array([page.start for page in pages])
        self._numbers = np.array([page.file.fileno() for page in pages])

    @classmethod
    def open(cls, dataset: lance.LanceDataset, column: str) -> VectorFiles | None:
        """The files of `column`; None where they are remote, or do not hold its rows plainly."""
        kind = dataset.schema.field(column).type
        if not Path(dataset.uri).is_dir() or kind.value_type not in (pa.float32(), pa.float16()):
            return None
        try:
            pages = list(_pages(dataset, column))
        except _NotPlainError:
            return None
        files = cls(pages, kind.list_size, np.dtype(kind.value_type.to_pandas_dtype()))
        return files if files._agrees(dataset, column) else None

    def buffer(self, rows: int) -> NDArray[np.floating]:
        """(rows, dim) memory for so many vectors as they are stored."""
        return np.empty((rows, self.dim), self._kind)

    def rows(
        self, positions: NDArray[np.int64], into: NDArray[np.floating] | None = None
    ) -> NDArray[np.float32]:
        """(n, dim) the vectors at these positions of the table.

        `into`: a `buffer` of n rows or more for what is read; the result is a view of it if that is float32.
        """
        found = (self.buffer(len(positions)) if into is None else into)[: len(positions)]
        buffer = memoryview(found.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # numpy 2.4 says no
        done = 0
        for file, place, length in self._runs(positions):
            if os.preadv(file, [buffer[done : done + length]], place) != length:
                name = next(page.file.name for page in self._pages if page.file.fileno() == file)
                raise OSError(f"{name} has no whole vectors at bytes {place} to {place + length}")
            done += length
        return found.astype(np.float32, copy=False)

    def read_ahead(self, positions: NDArray[np.int64]) -> None:
        """Have the system read these rows while others are in use, where they lie one after the other."""
        if hasattr(os, "posix_fadvise"):
            for file, place, length in self._runs(positions):
                if length >= AHEAD_BYTES:
                    os.posix_fadvise(file, place, length, os.POSIX_FADV_WILLNEED)

    def _runs(self, positions: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        """File number, first byte and length of the pieces that hold these rows, in their order."""
        size = self.dim * self._kind.itemsize
        pages = np.searchsorted(self._firsts, positions, side="right") - 1
        places = self._starts[pages] + (positions - self._firsts[pages]) * size
        files = self._numbers[pages]
        follows = (np.diff(places) == size) & (np.diff(files) == 0)
        firsts = np.flatnonzero(np.append(True, ~follows)[: len(positions)])
        lengths = np.diff(np.append(firsts, len(positions))) * size
        most = RUN_BYTES // size * size or size
        runs = zip(files[firsts].tolist(), places[firsts].tolist(), lengths.tolist(), strict=True)
        if not len(lengths) or lengths.max() <= most:
            yield from runs
            return
        for file, place, length in runs:
            for start in range(0, length, most):
                yield file, place + start, min(most, length - start)

    def _agrees(self, dataset: lance.LanceDataset, column: str) -> bool:
        """Whether the first and last row of every page are those that Lance reads."""
        if not self._pages:
            return False
        ends = [*self._firsts[1:], dataset.count_rows()]
        places = np.unique(np.concatenate([self._firsts, np.array(ends) - 1]))
        read = dataset.take(places.tolist(), columns=[column])[column].combine_chunks()
        plain = read.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.dim)
        return read.null_count == 0 and np.array_equal(self.rows(places), plain.astype(np.float32))


class _NotPlainError(Exception):
    """A file holds its vectors in another way."""


def _pages(dataset: lance.LanceDataset, column: str) -> Iterator[_Page]:
    """The pages of `column` in the order of the table. Raises _NotPlainError."""
    number = dataset.lance_schema.field(column).id()
    kind = dataset.schema.field(column).type
    size = kind.list_size * np.dtype(kind.value_type.to_pandas_dtype()).itemsize
    fragments, first = dataset.get_fragments(), 0
    if len(fragments) > MOST_FILES:
        raise _NotPlainError
    for fragment in fragments:
        metadata = fragment.metadata
        holders = [one for one in metadata.files if number in one.fields]
        overlaid = getattr(metadata, "overlays", None)
        if metadata.deletion_file is not None or overlaid or len(holders) != 1:
            raise _NotPlainError
        path = Path(dataset.uri, "data", holders[0].path)
        place = holders[0].column_indices[holders[0].fields.index(number)]
        if not path.is_file():
            raise _NotPlainError
        file = path.open("rb", buffering=0)
        held = first
        for page in LanceFileReader(str(path)).metadata().columns[place].pages:
            layout = str(page.encoding)
            if len(page.buffers) != 1 or not all(word in layout for word in PLAIN):
                raise _NotPlainError
            rows, rest = divmod(page.buffers[0].size, size)
            if rest:
                raise _NotPlainError
            yield _Page(file, held, page.buffers[0].position)
            held += rows
        first += metadata.physical_rows
        if held != first:
            raise _NotPlainError
