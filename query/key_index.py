"""Where each of many texts is, through their hashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Texts: TypeAlias = "pa.Array | pa.ChunkedArray"


class Hashed:
    """An index of texts: their sorted hashes beside their places, 16 bytes a text. Thread-safe.

    Made when it is first asked; a lookup in a million then takes microseconds, where hashing what is asked
    and reading past all texts takes tens of milliseconds.
    """

    def __init__(self, read: Callable[[], Texts]) -> None:
        """`read` gives all texts, in their order."""
        self._read, self._lock = read, Lock()
        self._made: tuple[NDArray[np.uint64], NDArray[np.int64]] | None = None

    def places(self, wanted: pa.Array) -> list[NDArray[np.int64]]:
        """For each of `wanted` the places of the texts with its hash; hashes may meet, so compare them."""
        hashes, order = self.make()
        mine = _hashes(wanted)
        ends = zip(np.searchsorted(hashes, mine, "left"), np.searchsorted(hashes, mine, "right"), strict=True)
        return [order[first:last] for first, last in ends]

    def make(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes, rising, and the place of each; made now, so that no question waits for it."""
        with self._lock:
            if self._made is None:
                hashes = _hashes(self._read())
                order = np.argsort(hashes, kind="stable")
                self._made = hashes[order], order
            return self._made


def _hashes(texts: Texts) -> NDArray[np.uint64]:
    import polars as pl  # imported late: `import attribase` stays light

    found: NDArray[np.uint64] = pl.Series("text", texts, dtype=pl.String).hash(seed=0).to_numpy()
    return found


FILTERED = 1000
"""More keys than this are not worth a filter: reading the key column once is faster."""


class Finder:
    """Finds rows of a pinned dataset by the text in one column. Thread-safe.

    A filter reads the whole column each time (measured: 30 ms for 300,000 keys). With the index a row takes
    a millisecond.
    """

    def __init__(self, dataset: Any, column: str) -> None:
        """`dataset`: a Lance dataset at one version; `column`: what is looked for."""
        self._dataset, self.column = dataset, column
        self._asked = False
        self._hashed = Hashed(lambda: dataset.scanner(columns=[column]).to_table()[column])

    def rows(self, keys: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """`column` and `columns` of every row with one of `keys`, in no order; unknown keys have none."""
        wanted = pa.array(sorted(set(keys)), pa.string())
        names = [self.column, *(name for name in columns if name != self.column)]
        if not self._asked and len(wanted) <= FILTERED:
            self._asked = True
            condition = pc.field(self.column).isin(wanted)
            return self._dataset.scanner(columns=names, filter=condition).to_table()
        likely = self._hashed.places(wanted)
        chosen = np.concatenate(likely) if likely else np.zeros(0, np.int64)
        found: pa.Table = self._dataset.take(np.sort(chosen).tolist(), columns=names)
        return found.filter(pc.is_in(found[self.column], value_set=wanted))  # hashes may meet

    def warm(self) -> None:
        """Make the index now, so that no question waits for it."""
        self._asked = True
        self._hashed.make()


Places = NDArray[np.int64]


class Names:
    """Where each of many ids is. Thread-safe."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids, self._hashed = ids, Hashed(lambda: ids)

    def places(self, wanted: Sequence[str]) -> Places:
        """(wanted,) where each is; -1 for an unknown one."""
        found = np.full(len(wanted), -1, np.int64)
        likely = self._hashed.places(pa.array(list(wanted), pa.string()))
        for at, (name, places) in enumerate(zip(wanted, likely, strict=True)):
            found[at] = next((place for place in places if self._ids[int(place)].as_py() == name), -1)
        return found


class Addresses:
    """From row addresses, as an index names rows, to their places in the table."""

    def __init__(self, addresses: NDArray[np.uint64]) -> None:
        """`addresses`: (rows of the table,) in its order."""
        rising = bool((addresses[1:] > addresses[:-1]).all())
        self._order = None if rising else np.argsort(addresses)
        self._sorted = addresses if self._order is None else addresses[self._order]

    def places(self, found: NDArray[np.uint64]) -> Places:
        """(found,) places in the table; every address must be one of it."""
        at = np.searchsorted(self._sorted, found)
        return at if self._order is None else self._order[at]
