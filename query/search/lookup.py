"""Items by name and by place: from ids and row addresses to the rows of a space, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..hashed import Hashed

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
