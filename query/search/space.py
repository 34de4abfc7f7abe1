"""A space: the image vectors of one encoder and mapper, kept open to be searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from weakref import finalize

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime.devices import core_count
from ...runtime.mapper import normalise
from ...store.errors import ConflictError, InvalidInputError
from ..cache import SharedCache
from ..features import FeatureReader, Pinned
from .above_line import Descent, PoolSearch
from .index import ApproximateIndex, IndexRecord, SearchEffort, read_index_record
from .pool import Pool, SpacePools
from .scan import STREAMED_BYTES, compare_blocks
from .space_rows import SpaceRows
from .stored_pools import read_stored_pools, write_stored_pools
from .topk import (
    Floats,
    Neighbours,
    Positions,
    StreamingTopK,
    exact_similarities,
    order_by_similarity,
    pad_rows,
    rounding_margin,
    rows_at_once,
)

METHODS = ("auto", "index", "exact")
NARROW_ROWS = 5000  # so few images are compared in full: that takes 0.1 s, and is exact
TAKE_SHARE = 0.05  # of all rows: fewer are read faster by position than by scanning past the others
DEEP_SHARE = 0.05  # of a pool: for more answers an index is slower than comparing all
TAKE_ROWS = 4096  # rows read at once by position

MAX_SPACE_BYTES = 128 << 20
"""The vectors of a space are kept in memory up to this size; larger ones are streamed from the table."""

_VECTORS: SharedCache[Floats] = SharedCache(512 << 20, lambda rows: rows.nbytes)
"""The in-memory vectors of all spaces, by an object that stands for the space."""


class SearchSpace:
    """The images of one encoder and mapper at one version of the store. Thread-safe.

    It keeps the table open, so that the index is read once.

    Attributes:
        rows: which rows of the vector table are images, numbered from 0 in its order, and their ids.
        pools: which of the rows are in a pool.
        index: the measured index, or None.
        index_error: why there is an index that may not be used, or None. Exact search does not need it.
    """

    def __init__(self, pinned: Pinned, features: FeatureReader) -> None:
        """See `open`."""
        self.pinned, self._features = pinned, features
        self.encoder, self.mapper, self.dim = features.encoder, features.mapper, features.dim
        self.dataset, self.column = features.dataset, features.column
        self.margin = rounding_margin(self.dim)
        self._key = object()
        finalize(self, _VECTORS.discard, self._key)
        self._open_index: ApproximateIndex | None = None
        self._lock = Lock()
        self.index: IndexRecord | None = None
        self.index_error: ConflictError | None = None
        try:
            self.index = read_index_record(pinned, features)
        except ConflictError as error:
            self.index_error = error
        stored = read_stored_pools(pinned, features) if self.index else None
        self.rows = SpaceRows(features, stored.is_image if stored else None)
        self.pools = SpacePools(pinned, self.rows, stored.pools if stored else {})
        self._positions = self.rows.positions

    @classmethod
    def open(cls, pinned: Pinned, encoder: str, mapper: str) -> SearchSpace:
        """The space of `encoder` and `mapper` ('none' for raw features).

        Raises ConflictError where the mapper has mapped nothing.
        """
        return cls(pinned, FeatureReader(pinned, encoder, mapper))

    def __len__(self) -> int:
        return len(self._positions)

    def pool(self, name: str = "all", where: str | None = None) -> Pool:
        """The pool `name` ('all' or 'gallery'), narrowed by a condition over images and members.

        Raises InvalidInputError for another name or an invalid condition, ConflictError for an empty gallery.
        """
        return self.pools.get(name, where)

    def store_pools(self) -> None:
        """Keep the pools in a file of the store, so that the next space reads no ids for them."""
        write_stored_pools(self.pinned, self._features, self.rows, self.pools)

    def uses_index(self, pool: Pool, k: int, method: str = "auto") -> bool:
        """Whether a search goes through the index. 'auto' takes it where comparing all images takes longer.

        Raises:
            InvalidInputError: another method.
            ConflictError: `method` is 'index' and there is none; or, unless it is 'exact', there is one that
                may not be used: a scan in its place would be slow without a word.
        """
        if method not in METHODS:
            raise InvalidInputError(f"there is no method {method!r}", hint=f"use {', '.join(METHODS)}")
        if method == "exact" or not pool.size:
            return False
        if self.index_error is not None:
            raise self.index_error
        if method == "index" and self.index is None:
            raise ConflictError(
                f"there is no measured index of {self.encoder} with {self.mapper}",
                hint=f"make one: attribase -s STORE index --encoder {self.encoder} --mapper {self.mapper}; "
                "or search exactly",
            )
        return method == "index" or self.prefers_index(pool, k)

    def prefers_index(self, pool: Pool, k: int) -> bool:
        """Whether there is an index that finds the `k` best of a pool faster than comparing all."""
        return self.index is not None and pool.size > NARROW_ROWS and k <= DEEP_SHARE * pool.size

    def search(self, vectors: Floats, k: int, pool: Pool, *, method: str = "auto") -> Neighbours:
        """The `k` rows of the pool that are most similar to each of `vectors` (queries, dim), unit rows.

        Never fewer than `min(k, pool.size)`.

        Raises InvalidInputError for k below 1 or vectors that do not fit; else as `uses_index`.
        """
        if k < 1:
            raise InvalidInputError(f"k is {k}", hint="ask for 1 image or more")
        queries = self._validate(vectors)
        if self.uses_index(pool, k, method):
            return self._search_index(queries, min(k, pool.size), pool)
        return self._search_exactly(queries, min(k, pool.size), pool)

    def _search_exactly(self, queries: Floats, k: int, pool: Pool) -> Neighbours:
        best = StreamingTopK(len(queries), max(k, 1), self.margin)
        for rows, similarities in self.scan(queries, pool):
            best.push(rows, similarities)
        rows, similarities = self._rank(queries, best.candidates(), k)
        return Neighbours(rows, similarities, "exact", None, np.full(len(queries), pool.size, np.int64))

    def _search_index(self, queries: Floats, k: int, pool: Pool) -> Neighbours:
        assert self.index is not None  # uses_index
        effort = self.open_index().effort(self.index, k, pool)
        rows, similarities = self.search_with_effort(queries, k, pool, effort)
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):  # the index gave fewer than k: compare all
            exact = self._search_exactly(queries[short], k, pool)
            rows[short], similarities[short] = exact.rows, exact.similarities
        searched = np.full(len(queries), k, np.int64)
        return Neighbours(rows, similarities, "index", self.index.recall(k), searched)

    def search_with_effort(
        self, queries: Floats, k: int, pool: Pool, effort: SearchEffort
    ) -> tuple[Positions, Floats]:
        """Rows and similarities as in `Neighbours`, through the index; it may find fewer than `k`."""
        index = self.open_index()

        def ask(some: Floats) -> list[Positions]:
            return index.candidates(some, k, pool, effort)

        if len(queries) <= 1:  # counting cores takes a tenth of the time of such a search
            return self._rank(queries, ask(queries), k)
        with ThreadPoolExecutor(core_count()) as threads:
            found = threads.map(ask, np.array_split(queries, min(len(queries), core_count())))
            return self._rank(queries, [one for part in found for one in part], k)

    def descend(self, vectors: Floats, pool: Pool) -> list[Descent]:
        """For each of `vectors` (queries, dim) its way down through the index; see `uses_index`."""
        assert self.index is not None  # callers check uses_index
        index = self.open_index()
        search = PoolSearch(index, self.index, pool, self.unit_rows, self.order, self._search_exactly)
        return [Descent(search, query) for query in self._validate(vectors)]

    def scan(self, vectors: Floats, pool: Pool, *, block: int = 8192) -> Iterator[tuple[Positions, Floats]]:
        """(rows (n,), similarities (queries, n)) over the whole pool, each row once, n <= `block`.

        Blocks of the table take up to STREAMED_BYTES, a few at once. Similarities are sums in float32: those
        closer than `margin` may swap when computed exactly.
        """
        queries = self._validate(vectors)
        rows = np.flatnonzero(pool.mask)
        in_memory = self.load_vectors()
        if in_memory is None and len(rows) >= TAKE_SHARE * len(self):
            held = max(1, min(block, STREAMED_BYTES // (4 * self.dim)))
            yield from compare_blocks(queries, self.stream_rows(pool.mask, held))
            return
        whole = in_memory is not None and len(rows) == len(in_memory)
        step = block if whole else rows_at_once(self.dim, min(block, TAKE_ROWS))
        for start in range(0, len(rows), step):
            mine = rows[start : start + step]
            if in_memory is None:
                yield mine, queries @ self.unit_rows(mine).T
            else:
                yield mine, queries @ in_memory[slice(start, start + step) if whole else mine].T

    def stream_rows(
        self, mask: NDArray[np.bool_], block: int, *, reuse: bool = False
    ) -> Iterator[tuple[Positions, Floats]]:
        """(rows (n,), vectors (n, dim) as stored), n <= `block`, of `mask` (rows,); see `FeatureReader`."""
        rows, start = np.flatnonzero(mask), 0
        chosen = np.zeros(len(self.rows.is_image), bool)
        chosen[self._positions] = mask
        for raw in self._features.stream(chosen, block, reuse=reuse):
            yield rows[start : start + len(raw)], raw
            start += len(raw)

    def load_vectors(self) -> Floats | None:
        """Unit rows (rows of the space, dim), kept in memory; None where they are too many."""
        if 4 * len(self) * self.dim > MAX_SPACE_BYTES:
            return None
        return _VECTORS.get(self._key, lambda: self._read_unit_rows(np.arange(len(self))))

    def loaded_vectors(self) -> Floats | None:
        """What `load_vectors` gave, if it is in memory."""
        return _VECTORS.peek(self._key)

    def unit_rows(self, rows: Positions) -> Floats:
        """(n, dim) unit vectors of these rows, from memory where they are there."""
        in_memory = self.loaded_vectors()
        return self._read_unit_rows(rows) if in_memory is None else in_memory[rows]

    def _read_unit_rows(self, rows: Positions) -> Floats:
        unit, step = np.empty((len(rows), self.dim), np.float32), rows_at_once(self.dim, len(rows))
        for start in range(0, len(rows), step):
            unit[start : start + step] = self.item_vectors(self._positions[rows[start : start + step]])
        return unit

    def order(self, rows: Positions, similarities: Floats) -> Positions:
        """(n,) the order of `rows` (n,): by similarity, largest first, then by image id."""
        return order_by_similarity(self.rows.ids_of, rows, similarities)

    @property
    def ids(self) -> pa.Array:
        """Image ids of all rows; `rows.ids_of` reads those of some."""
        return self.rows.ids

    @property
    def item_ids(self) -> pa.Array:
        """Ids of all images and samples, in the order of the vector table."""
        return self.rows.item_ids

    def sample_vectors(self, sample_ids: Sequence[str]) -> Floats:
        """(n, dim) unit vectors of stored samples; rows of NaN where there is none."""
        positions = self.rows.sample_positions(sample_ids)
        vectors = np.full((len(positions), self.dim), np.nan, np.float32)
        known = positions >= 0
        vectors[known] = normalise(self._features.raw_at(positions[known]))
        return vectors

    def are_images(self, places: Positions) -> bool:
        """Whether all items at these places of the vector table are images."""
        return not np.isin(places, self.rows.samples).any()

    def item_vectors(self, places: Positions) -> Floats:
        """(n, dim) unit vectors of images and samples by their places in the vector table."""
        return normalise(self._features.raw_at(places))

    def stream_items(self, block: int) -> Iterator[Floats]:
        """Blocks (up to `block`, dim) of the vectors of all images and samples as stored, in table order."""
        return self._features.stream(np.ones(len(self.rows.is_image), bool), block)

    def open_index(self) -> ApproximateIndex:
        """The index, opened on first use."""
        with self._lock:
            if self._open_index is None:
                self._open_index = ApproximateIndex(
                    self.pinned.store, self._features, self._positions, self.rows.samples
                )
            return self._open_index

    def _validate(self, vectors: Floats) -> Floats:
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

    def _rank(self, queries: Floats, candidates: list[Positions], k: int) -> tuple[Positions, Floats]:
        """For each query the `k` best of its candidates, compared exactly, ties by image id."""
        answers = []
        for rows, similarities in exact_similarities(self.unit_rows, queries, candidates):
            order = self.order(rows, similarities)[:k]
            answers.append((rows[order], similarities[order]))
        return pad_rows(answers, k)
