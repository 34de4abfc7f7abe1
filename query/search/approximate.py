"""Searching through an index: which rows of a pool are probably the most similar ones."""

from __future__ import annotations

import math

import numpy as np

from ...store import indexes
from ..features import Features
from .facts import Depth, IndexFacts
from .found import Places, Reals
from .kept import Kept
from .lookup import Addresses
from .pool import Pool

POOLS_KEPT = 8  # a pool of a million rows takes an eighth of a megabyte
FEWEST = 10  # answers that are looked for at least: what is measured is recall at that many


class Approximate:
    """The index of a space, opened. Thread-safe."""

    def __init__(self, features: Features, places: Places) -> None:
        """`places`: (rows,) where each row of the space is in the vector table, rising."""
        self._dataset, self._column = features.dataset, features.column
        self._addresses = indexes.row_addresses(self._dataset)
        self._by_address = Addresses(self._addresses)
        self._places = places
        self._allowed: Kept[bytes] = Kept(POOLS_KEPT)

    def depth(self, facts: IndexFacts, k: int, pool: Pool) -> Depth:
        """How hard to try for the `k` best of a pool."""
        return facts.depth(k, pool.size / max(len(self._addresses), 1))

    def candidates(self, query: Reals, k: int, pool: Pool, depth: Depth) -> Places:
        """Rows of the pool that the `k` most similar to `query` (dim,) are probably among."""
        allowed = self._allowed.get((pool.name, pool.where), lambda: self._allowing(pool))
        wanted = min(math.ceil(max(k, FEWEST) * depth.refine), pool.size)
        found = indexes.nearest(self._dataset, self._column, query, wanted, depth.nprobes, allowed)
        return np.searchsorted(self._places, self._by_address.places(found))

    def warm(self) -> None:
        """Read the whole index into memory now, so that no question waits for a part of it."""
        indexes.warm(self._dataset, self._column)

    def _allowing(self, pool: Pool) -> bytes:
        return indexes.allowing(self._addresses[self._places[pool.mask]])
