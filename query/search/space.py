"""A space: the image vectors of one encoder and mapper, kept open to be searched."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import InvalidInputError
from ..features import Features, Pinned, unit
from .best import Best
from .pool import Pool, make_pool, pool_ids

POOLS_KEPT = 32  # of the last conditions that were asked with
TAKEN = 4096  # rows read at once by their place
METHODS = ("auto", "index", "exact")


@dataclass(frozen=True)
class IndexFacts:
    """What is known of the index of a space: how it is searched, and what was measured of that."""

    kind: str
    metric: str
    rows: int
    partitions: int
    nprobes: int
    refine: int
    recall_10: float
    recall_100: float
    target: float


@dataclass(frozen=True)
class Found:
    """The best rows of a pool for each query.

    `rows` (queries, k') int64, best first, ties by image id, -1 where there are no more; `similarities`
    (queries, k') float32 as computed from the stored vectors, -inf there. `method` is 'exact' or 'index',
    `recall` that of the index as measured, `searched` (queries,) how many images were looked at.
    """

    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]
    method: str
    recall: float | None
    searched: NDArray[np.int64]


class SearchSpace:
    """The images of one encoder and mapper at one version of the store. Safe to use from many threads."""

    def __init__(self, pinned: Pinned, features: Features, kinds: pa.Array) -> None:
        """See `open`."""
        self.pinned, self._features = pinned, features
        self.encoder, self.mapper, self.dim = features.encoder, features.mapper, features.dim
        self.index: IndexFacts | None = None
        is_image = pc.equal(kinds, "image")
        self._places = np.flatnonzero(np.asarray(is_image))  # of each row, in the vector table
        self.ids: pa.Array = features.ids.filter(is_image)
        self._pools: OrderedDict[tuple[str, str | None], Pool] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def open(cls, pinned: Pinned, encoder: str, mapper: str) -> SearchSpace:
        """The space of `encoder` and `mapper` ('none' for raw features).

        Raises ConflictError where the mapper has mapped nothing.
        """
        features = Features(pinned, encoder, mapper)
        kinds = features.dataset.scanner(columns=["item_kind"]).to_table()["item_kind"].combine_chunks()
        return cls(pinned, features, kinds)

    def __len__(self) -> int:
        return len(self._places)

    def pool(self, name: str = "all", where: str | None = None) -> Pool:
        """The pool `name` ('all' or 'gallery'), narrowed by a condition over images and members.

        Raises InvalidInputError for another name or a condition that does not fit, ConflictError for an
        empty gallery.
        """
        key = (name, where)
        with self._lock:
            if key in self._pools:
                self._pools.move_to_end(key)
                return self._pools[key]
        made = make_pool(pool_ids(self.pinned, name, where), self.ids, name, where)
        with self._lock:
            self._pools[key] = made
            while len(self._pools) > POOLS_KEPT:
                self._pools.popitem(last=False)
        return made

    def search(self, vectors: NDArray[np.float32], k: int, pool: Pool, *, method: str = "auto") -> Found:
        """The `k` rows of the pool that are most similar to each of `vectors` (queries, dim), unit rows.

        Raises InvalidInputError for k below 1, another method, or vectors that do not fit.
        """
        if k < 1:
            raise InvalidInputError(f"k is {k}", hint="ask for 1 image or more")
        if method not in METHODS:
            raise InvalidInputError(f"there is no method {method!r}", hint=f"use {', '.join(METHODS)}")
        queries = self._checked(vectors)
        best = Best(len(queries), min(k, max(pool.size, 1)))
        for rows, similarities in self.scan(queries, pool):
            best.push(rows, similarities)
        rows, exact = self._ranked(queries, best.candidates(), min(k, pool.size))
        return Found(rows, exact, "exact", None, np.full(len(queries), pool.size, np.int64))

    def scan(
        self, vectors: NDArray[np.float32], pool: Pool, *, block: int = 8192
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """(rows (n,), similarities (queries, n)) over the whole pool, streamed once, n <= `block`."""
        queries = self._checked(vectors)
        chosen = np.zeros(len(self._features.ids), bool)
        chosen[self._places] = pool.mask
        rows, start = np.flatnonzero(pool.mask), 0
        for raw in self._features.stream(chosen, block):
            mine = rows[start : start + len(raw)]
            start += len(raw)
            yield mine, queries @ unit(raw).T

    def unit_rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, dim) unit vectors of these rows."""
        return unit(self._features.at(self._places[rows]))

    def sample_vectors(self, sample_ids: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) unit vectors of stored samples; rows of NaN where there is none."""
        places = self._features.positions(list(sample_ids))
        vectors = np.full((len(places), self.dim), np.nan, np.float32)
        there = places >= 0
        vectors[there] = unit(self._features.at(places[there]))
        return vectors

    def _checked(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        queries = np.ascontiguousarray(vectors, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise InvalidInputError(
                f"vectors of {self.encoder} with {self.mapper} have {self.dim} numbers, these are "
                f"{' x '.join(map(str, queries.shape))}",
                hint="give rows of that length",
            )
        if not np.isfinite(queries).all():
            raise InvalidInputError("a vector has NaN or infinite numbers", hint="leave it out")
        return queries

    def _ranked(
        self, queries: NDArray[np.float32], candidates: list[NDArray[np.int64]], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k best of each query's candidates by exact similarity, ties by image id; padded."""
        rows = np.full((len(queries), k), -1, np.int64)
        similarities = np.full((len(queries), k), -np.inf, np.float32)
        for at, (query, mine) in enumerate(zip(queries, candidates, strict=True)):
            exact = self._similarities(query, mine)
            names = np.asarray(self.ids.take(pa.array(mine)).to_pylist(), dtype=str)
            order = np.lexsort((names, -exact))[:k]
            rows[at, : len(order)], similarities[at, : len(order)] = mine[order], exact[order]
        return rows, similarities

    def _similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n,) of the stored vectors, summed in float64: the same whatever rows are beside them."""
        wide = query.astype(np.float64)
        parts = [
            self.unit_rows(rows[start : start + TAKEN]).astype(np.float64) @ wide
            for start in range(0, len(rows), TAKEN)
        ]
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
