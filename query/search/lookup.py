"""Items by name and by place: from ids and row addresses to the rows of a space, and back."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Places = NDArray[np.int64]


class Names:
    """Where each of many ids is, through 16 bytes of hashes an id. Thread-safe.

    Made when it is first asked; a lookup in a million then takes microseconds, where hashing what is
    asked and reading past all ids takes tens of milliseconds.
    """

    def __init__(self, ids: pa.Array) -> None:
        self._ids, self._lock = ids, Lock()
        self._made: tuple[NDArray[np.uint64], Places] | None = None

    def places(self, wanted: Sequence[str]) -> Places:
        """(wanted,) where each is; -1 for an unknown one."""
        hashes, order = self._index()
        first = np.searchsorted(hashes, _hashes(pa.array(list(wanted), pa.string())))
        found = np.full(len(first), -1, np.int64)
        for at, (name, start) in enumerate(zip(wanted, first, strict=True)):
            begin = start
            while start < len(order) and hashes[start] == hashes[begin]:  # hashes may meet, ids do not
                if self._ids[int(order[start])].as_py() == name:
                    found[at] = order[start]
                    break
                start += 1
        return found

    def _index(self) -> tuple[NDArray[np.uint64], Places]:
        with self._lock:
            if self._made is None:
                hashes = _hashes(self._ids)
                order = np.argsort(hashes, kind="stable")
                self._made = hashes[order], order
            return self._made


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


def _hashes(ids: pa.Array) -> NDArray[np.uint64]:
    import polars as pl  # imported late: `import attribase` stays light

    found: NDArray[np.uint64] = pl.Series("id", ids, dtype=pl.String).hash(seed=0).to_numpy()
    return found
