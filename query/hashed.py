"""Where each of many texts is, through their hashes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

import numpy as np
import pyarrow as pa
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
