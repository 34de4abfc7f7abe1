"""A space: the image vectors of one encoder and mapper, kept open to be searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...runtime.devices import core_count
from ...runtime.mapper import normalise
from ...store.errors import ConflictError, InvalidInputError
from ..features import Features, Pinned
from ..key_index import Names
from .index import Approximate, Depth, IndexFacts, Kept, read_facts
from .pool import POOLS, Base, Pool, base_of, make_pool
from .topk import Best, Found, Places, Reals, exact_similarities, in_order, stacked

METHODS = ("auto", "index", "exact")
NARROW_ROWS = 5000  # a pool of so few images is compared in full: that takes 0.1 s, and is exact
TAKEN_SHARE = 0.05  # of all rows: to read fewer by their place takes less time than to read past them all
DEEP_SHARE = 0.05  # asked for more of a pool than this, an index is slower than comparing it all
POOLS_KEPT = 32  # of the conditions last asked with
TAKEN = 4096  # rows read at once by their place


def lengths(rows: Reals) -> Reals:
    """(n,) of rows (n, dim), 1 where there is none: a row of zeros stays zeros."""
    found = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.where(found > 0, found, np.float32(1))


class SearchSpace:
    """The images of one encoder and mapper at one version of the store. Safe to use from many threads.

    It holds the table open: the second question finds the index in memory.
    """

    def __init__(self, pinned: Pinned, features: Features) -> None:
        """See `open`."""
        self.pinned, self._features = pinned, features
        self.encoder, self.mapper, self.dim = features.encoder, features.mapper, features.dim
        self.dataset, self.column = features.dataset, features.column
        kinds = self.dataset.scanner(columns=["item_kind"]).to_table()["item_kind"].combine_chunks()
        is_image = pc.equal(kinds, "image")
        self._places = np.flatnonzero(np.asarray(is_image))  # of each row, in the vector table
        self.ids: pa.Array = features.ids.filter(is_image)
        self._images = Names(self.ids)
        self._others = np.flatnonzero(~np.asarray(is_image))
        self.sample_ids: pa.Array = features.ids.take(pa.array(self._others))
        self._samples = Names(self.sample_ids)
        self._bases: Kept[Base] = Kept(len(POOLS))
        self._pools: Kept[Pool] = Kept(POOLS_KEPT)
        self._approximate: Approximate | None = None
        self.refused: ConflictError | None = None
        self._lock = Lock()
        self.index: IndexFacts | None = None
        try:
            self.index = read_facts(pinned, features)
        except ConflictError as error:  # exact search does not need it
            self.refused = error

    @classmethod
    def open(cls, pinned: Pinned, encoder: str, mapper: str) -> SearchSpace:
        """The space of `encoder` and `mapper` ('none' for raw features).

        Raises ConflictError where the mapper has mapped nothing.
        """
        return cls(pinned, Features(pinned, encoder, mapper))

    def __len__(self) -> int:
        return len(self._places)

    def pool(self, name: str = "all", where: str | None = None) -> Pool:
        """The pool `name` ('all' or 'gallery'), narrowed by a condition over images and members.

        Raises InvalidInputError for another name or a condition that does not fit, ConflictError for an
        empty gallery.
        """
        return self._pools.get(
            (name, where), lambda: make_pool(self.pinned, self.ids, self._base(name), name, where)
        )

    def _base(self, name: str) -> Base:
        return self._bases.get(name, lambda: base_of(self.pinned, self.ids, name))

    def prefers_index(self, pool: Pool, k: int = 100) -> bool:
        """Whether `search` by 'auto' goes through the index: there is one, and comparing all takes longer."""
        return self.index is not None and pool.size > NARROW_ROWS and k <= DEEP_SHARE * pool.size

    def search(self, vectors: Reals, k: int, pool: Pool, *, method: str = "auto") -> Found:
        """The `k` rows of the pool that are most similar to each of `vectors` (queries, dim), unit rows.

        Never fewer than `min(k, pool.size)`. 'auto' takes the index where it is faster (`prefers_index`).

        Raises:
            InvalidInputError: k below 1, another method, or vectors that do not fit.
            ConflictError: there is no index and `method` is 'index', or it is not the one that was measured.
        """
        if k < 1:
            raise InvalidInputError(f"k is {k}", hint="ask for 1 image or more")
        if method not in METHODS:
            raise InvalidInputError(f"there is no method {method!r}", hint=f"use {', '.join(METHODS)}")
        queries = self._checked(vectors)
        if self.refused is not None and method != "exact":
            raise self.refused
        if pool.size and (method == "index" or (method == "auto" and self.prefers_index(pool, k))):
            return self._through_index(queries, min(k, pool.size), pool)
        return self._through_all(queries, min(k, pool.size), pool)

    def _through_all(self, queries: Reals, k: int, pool: Pool) -> Found:
        best = Best(len(queries), max(k, 1))
        for rows, similarities in self.scan(queries, pool):
            best.push(rows, similarities)
        rows, similarities = stacked(self._best(queries, best.candidates(), k), k)
        return Found(rows, similarities, "exact", None, np.full(len(queries), pool.size, np.int64))

    def _through_index(self, queries: Reals, k: int, pool: Pool) -> Found:
        if self.index is None:
            raise ConflictError(
                f"there is no measured index of {self.encoder} with {self.mapper}",
                hint=f"attribase -s STORE index --encoder {self.encoder} --mapper {self.mapper}",
            )
        depth = self.approximate().depth(self.index, k, pool)
        rows, similarities = self.search_at(queries, k, pool, depth)
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):  # the promise of k answers does not hang on the index
            full = self._through_all(queries[short], k, pool)
            rows[short], similarities[short] = full.rows, full.similarities
        return Found(rows, similarities, "index", self.index.recall(k), np.full(len(queries), k, np.int64))

    def search_at(self, queries: Reals, k: int, pool: Pool, depth: Depth) -> tuple[Places, Reals]:
        """Rows and similarities as in `Found`, through the index and as deep as told; it may find fewer."""
        index = self.approximate()

        def ask(query: Reals) -> Places:
            return index.candidates(query, k, pool, depth)

        if len(queries) == 1:
            return stacked(self._best(queries, [ask(queries[0])], k), k)
        with ThreadPoolExecutor(core_count()) as threads:
            return stacked(self._best(queries, list(threads.map(ask, queries)), k), k)

    def scan(self, vectors: Reals, pool: Pool, *, block: int = 8192) -> Iterator[tuple[Places, Reals]]:
        """(rows (n,), similarities (queries, n)) over the whole pool, streamed once, n <= `block`."""
        queries = self._checked(vectors)
        rows = np.flatnonzero(pool.mask)
        if len(rows) < TAKEN_SHARE * len(self):
            for start in range(0, len(rows), min(block, TAKEN)):
                mine = rows[start : start + min(block, TAKEN)]
                yield mine, queries @ self.unit_rows(mine).T
            return
        chosen, start = np.zeros(len(self._features.ids), bool), 0
        chosen[self._places] = pool.mask
        for raw in self._features.stream(chosen, block):
            mine = rows[start : start + len(raw)]
            start += len(raw)
            yield mine, queries @ raw.T / lengths(raw)

    def unit_rows(self, rows: Places) -> Reals:
        """(n, dim) unit vectors of these rows."""
        return normalise(self._features.at(self._places[rows]))

    def rows_of(self, image_ids: Sequence[str]) -> Places:
        """(n,) the rows of these images; -1 where one has no vector."""
        return self._images.places(image_ids)

    def sample_vectors(self, sample_ids: Sequence[str]) -> Reals:
        """(n, dim) unit vectors of stored samples; rows of NaN where there is none."""
        places = self._samples.places(sample_ids)
        vectors = np.full((len(places), self.dim), np.nan, np.float32)
        there = places >= 0
        vectors[there] = normalise(self._features.at(self._others[places[there]]))
        return vectors

    def approximate(self) -> Approximate:
        """The index, opened when it is first needed."""
        with self._lock:
            if self._approximate is None:
                self._approximate = Approximate(self._features, self._places)
            return self._approximate

    def _checked(self, vectors: Reals) -> Reals:
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

    def _best(self, queries: Reals, candidates: list[Places], k: int) -> list[tuple[Places, Reals]]:
        """For each query the `k` best of its candidates and their similarities, ties by image id."""
        answers = []
        for rows, similarities in exact_similarities(self.unit_rows, queries, candidates):
            order = in_order(self.ids, rows, similarities)[:k]
            answers.append((rows[order], similarities[order]))
        return answers


MOST = 128 << 20
"""Bytes of vectors of one space that are worth keeping; larger ones stream."""

ALL = 4 * MOST
"""Bytes of all vectors kept; the next space beyond begins anew."""

_held: WeakKeyDictionary[SearchSpace, NDArray[np.float32]] = WeakKeyDictionary()
_lock = Lock()


def held_rows(space: SearchSpace) -> NDArray[np.float32] | None:
    """Unit rows (images of the space, dim), as long as the space is in use; None where they are too many."""
    if 4 * len(space.ids) * space.dim > MOST:
        return None
    with _lock:
        if space not in _held:
            rows = space.unit_rows(np.arange(len(space.ids)))
            if sum(kept.nbytes for kept in _held.values()) + rows.nbytes > ALL:
                _held.clear()
            _held[space] = rows
        return _held[space]


def rows_at(space: SearchSpace, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Unit rows (rows, dim), from memory where they are."""
    held = _held.get(space)
    return space.unit_rows(rows) if held is None else held[rows]


def cosines_among(
    space: SearchSpace, rows: NDArray[np.int64]
) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """A function of places (m,) in `rows` (n,): the cosines (m, n) of those images with all of `rows`."""
    held = _held.get(space)
    if held is not None and 4 * len(rows) > len(held):  # gathering the rows would take longer than they do
        return lambda some: (held[rows[some]] @ held.T)[:, rows]
    vectors = rows_at(space, rows)
    return lambda some: vectors[some] @ vectors.T


def all_similarities(
    space: SearchSpace, vectors: NDArray[np.float32], pool: Pool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """(rows (n,), similarities (questions, n)) over the whole pool, as `SearchSpace.scan`."""
    rows = np.flatnonzero(pool.mask)
    held = held_rows(space)
    if held is None:
        yield from space.scan(vectors, pool)
    elif len(rows) == len(held):
        yield rows, vectors @ held.T
    else:
        yield rows, vectors @ held[rows].T
