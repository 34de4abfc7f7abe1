"""An index of text keys by hash: where each of many ids is, and which rows of a table have a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..store.key_indexes import has_key_index

Texts: TypeAlias = "pa.Array | pa.ChunkedArray"
Positions: TypeAlias = "NDArray[np.int64]"

MAX_FILTER_KEYS = 1000
"""With more keys than this, reading the key column once is faster than filtering it."""

LARGE_KEYS = 2_000_000
"""Of more rows than this the keys are not read into memory where the store has an index of them."""


class KeyIndex:
    """The sorted 64-bit hashes of some texts beside their positions: 16 bytes a text. Thread-safe.

    Built on first use. A lookup among a million texts then takes microseconds, where hashing the wanted texts
    and scanning all others takes tens of milliseconds.
    """

    def __init__(self, read: Callable[[], Texts]) -> None:
        """`read` gives all texts, in order of their positions."""
        self._read, self._lock = read, Lock()
        self._built: tuple[NDArray[np.uint64], Positions] | None = None

    def candidates(self, wanted: pa.Array) -> list[Positions]:
        """For each of `wanted` the positions of texts with its hash. Hashes collide: compare the texts."""
        hashes, order = self.build()
        mine = hash_texts(wanted)
        ends = zip(np.searchsorted(hashes, mine, "left"), np.searchsorted(hashes, mine, "right"), strict=True)
        return [order[first:last] for first, last in ends]

    def build(self) -> tuple[NDArray[np.uint64], Positions]:
        """The hashes, rising, and the position of each."""
        with self._lock:
            if self._built is None:
                hashes = hash_texts(self._read())
                order = np.argsort(hashes, kind="stable")
                self._built = hashes[order], order
            return self._built


def hash_texts(texts: Texts) -> NDArray[np.uint64]:
    """(texts,) 64-bit hashes, the same within one process."""
    import polars as pl  # imported late: `import attribase` stays light

    hashes: NDArray[np.uint64] = pl.Series("text", texts, dtype=pl.String).hash(seed=0).to_numpy()
    return hashes


class IdPositions:
    """Where each of many ids is. Thread-safe."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids, self._index = ids, KeyIndex(lambda: ids)

    def positions(self, wanted: Sequence[str]) -> Positions:
        """(wanted,) the position of each; -1 for an unknown one."""
        found = np.full(len(wanted), -1, np.int64)
        candidates = self._index.candidates(pa.array(list(wanted), pa.string()))
        for at, (name, positions) in enumerate(zip(wanted, candidates, strict=True)):
            found[at] = next((one for one in positions if self._ids[int(one)].as_py() == name), -1)
        return found


class RowFinder:
    """Reads the rows of a pinned dataset that have given texts in one column. Thread-safe.

    A filter scans the whole column each time (measured: 30 ms for 300,000 keys), or takes 8 ms where the
    store has an index of it; with the index made here a row takes a millisecond. So the first small request
    is a filter, and the second one builds the index, unless the store has one and more rows than LARGE_KEYS.
    """

    def __init__(self, dataset: Any, column: str) -> None:
        """`dataset`: a Lance dataset at one version; `column`: the column to look in."""
        self._dataset, self.column = dataset, column
        self._used = False
        self._large = dataset.count_rows() > LARGE_KEYS and has_key_index(dataset, column)
        self._index = KeyIndex(lambda: dataset.scanner(columns=[column]).to_table()[column])

    def rows(self, keys: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`column` and `columns` of every row with one of `keys`, in no order; unknown keys have none."""
        wanted = pa.array(sorted(set(keys)), pa.string())
        names = [self.column, *(name for name in columns if name != self.column)]
        if (self._large or not self._used) and len(wanted) <= MAX_FILTER_KEYS:
            self._used = True
            condition = pc.field(self.column).isin(wanted)
            return self._dataset.scanner(columns=names, filter=condition).to_table()
        candidates = self._index.candidates(wanted)
        chosen = np.concatenate(candidates) if candidates else np.zeros(0, np.int64)
        found: pa.Table = self._dataset.take(np.sort(chosen).tolist(), columns=names)
        return found.filter(pc.is_in(found[self.column], value_set=wanted))  # hashes can collide

    def build(self) -> None:
        """Build the index now, unless that of the store is used."""
        self._used = True
        if not self._large:
            self._index.build()
