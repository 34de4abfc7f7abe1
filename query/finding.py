"""Rows of one table by key: by a filter the first time, by an index in memory from then on."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

FILTERED = 1000
"""More keys than this are not worth a filter: reading the key column once is faster."""

HASHED = 1 << 16
"""Keys that are Python objects at once."""


class Finder:
    """Finds rows of a pinned dataset by the text in one column. Thread-safe.

    A filter reads the whole column each time (measured: 30 ms for 300,000 keys). The index is an array of
    sorted hashes beside their places: it takes 12 bytes a row, half a second to make for 300,000, and then
    a row takes a millisecond.
    """

    def __init__(self, dataset: Any, column: str) -> None:
        """`dataset`: a Lance dataset at one version; `column`: what is looked for."""
        self._dataset, self.column = dataset, column
        self._lock = Lock()
        self._asked = False
        self._index: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def rows(self, keys: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`column` and `columns` of every row with one of `keys`, in no order; unknown keys have none."""
        wanted = pa.array(sorted(set(keys)), pa.string())
        names = [self.column, *(name for name in columns if name != self.column)]
        if not self._asked and len(wanted) <= FILTERED:
            self._asked = True
            condition = pc.field(self.column).isin(wanted)
            return self._dataset.scanner(columns=names, filter=condition).to_table()
        hashes, places = self._made()
        mine = _hashes(wanted)
        first, last = np.searchsorted(hashes, mine, "left"), np.searchsorted(hashes, mine, "right")
        ranges = [np.arange(a, b) for a, b in zip(first, last, strict=True) if b > a]
        chosen = places[np.concatenate(ranges)] if ranges else np.zeros(0, np.int64)
        found: pa.Table = self._dataset.take(np.sort(chosen).tolist(), columns=names)
        return found.filter(pc.is_in(found[self.column], value_set=wanted))  # hashes may meet

    def warm(self) -> None:
        """Make the index now, so that no question waits for it."""
        self._asked = True
        self._made()

    def _made(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        with self._lock:
            if self._index is None:
                keys = self._dataset.scanner(columns=[self.column]).to_table()[self.column]
                hashes = _hashes(keys)
                order = np.argsort(hashes, kind="stable")
                self._index = hashes[order], order
            return self._index


def _hashes(keys: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """(keys,) Python's own hashes, the same within a process: a few keys take microseconds."""
    found = np.empty(len(keys), np.int64)
    for start in range(0, len(keys), HASHED):
        some = keys.slice(start, HASHED).to_pylist()
        found[start : start + len(some)] = [hash(key) for key in some]
    return found
