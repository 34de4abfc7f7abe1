"""Which ids are there already: 16 bytes each, however long they are, so that 10^8 fit in memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
SEEDS = (0, 1)


class KnownIds:
    """A set of ids as two independent 64-bit hashes, sorted by the first.

    An id that is in the set can be told to be missing when two ids share their first hash (once in 10^4
    sets of 10^8): it is then done twice, which changes nothing. That one which is not in the set is told to
    be there takes 128 equal bits.
    """

    def __init__(self, parts: Iterable[pa.Array]) -> None:
        """Take in columns of ids, one after the other."""
        hashed = [_hashes(part) for part in parts if len(part)]
        first, second = (
            np.concatenate([both[n] for both in hashed]) if hashed else np.zeros(0, np.uint64) for n in (0, 1)
        )
        order = np.argsort(first, kind="stable")
        self._first, self._second = first[order], second[order]

    def has(self, ids: pa.Array) -> NDArray[np.bool_]:
        """Which of `ids` are in the set."""
        if not len(self._first) or not len(ids):
            return np.zeros(len(ids), np.bool_)
        first, second = _hashes(ids)
        at = np.minimum(np.searchsorted(self._first, first), len(self._first) - 1)
        there: NDArray[np.bool_] = (self._first[at] == first) & (self._second[at] == second)
        return there


def _hashes(ids: pa.Array) -> tuple[Hashes, Hashes]:
    column = pl.Series(pl.from_arrow(ids))
    one, other = (column.hash(seed).to_numpy() for seed in SEEDS)
    return one, other
