"""Searching through an index: which rows of a pool are probably the most similar ones."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...store import indexes
from ...store.indexes import Depth
from ..features import Features
from .facts import IndexFacts
from .found import Places, Reals
from .kept import Kept
from .lookup import Addresses
from .pool import Pool

POOLS_KEPT = 8  # a pool of a million rows takes an eighth of a megabyte


class Approximate:
    """The index of a space, opened. Thread-safe."""

    def __init__(self, features: Features, places: Places) -> None:
        """`places`: (rows,) where each row of the space is in the vector table, rising."""
        self._dataset, self._column = features.dataset, features.column
        self._addresses = indexes.row_addresses(self._dataset)
        self._by_address = Addresses(self._addresses)
        self._places = places
        self._allowed: Kept[bytes] = Kept(POOLS_KEPT)

    def candidates(self, queries: Reals, k: int, pool: Pool, facts: IndexFacts) -> list[Places]:
        """For each query (dim,) the rows of the pool that the index takes for the `k` most similar."""
        share = pool.size / max(len(self._addresses), 1)
        return self.search(queries, k, pool, facts.depth(k, share))

    def search(self, queries: Reals, k: int, pool: Pool, depth: Depth) -> list[Places]:
        """The same, looking as hard as told."""
        allowed = self._allowed.get((pool.name, pool.where), lambda: self._allowing(pool))

        def one(query: Reals) -> Places:
            found, _ = indexes.nearest(self._dataset, self._column, query, k, depth, allowed)
            return np.searchsorted(self._places, self._by_address.places(found))

        if len(queries) == 1:
            return [one(queries[0])]
        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            return list(threads.map(one, queries))

    def _allowing(self, pool: Pool) -> bytes:
        return indexes.allowing(self._addresses[self._places[pool.mask]])
