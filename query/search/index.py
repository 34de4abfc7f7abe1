"""The approximate index of a space: its row in the table `indexes`, and searching through it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.mapper import normalise
from ...store import index_search, indexes, key_id
from ...store.errors import ConflictError
from ...store.index_search import AllowedRows
from ...store.indexes import Index
from ..cache import SharedCache
from ..features import FeatureReader, Pinned
from .coded_file import map_pages, read_coded_rows, write_coded_rows
from .coded_rows import CodedRows
from .pool import Pool
from .topk import Floats, Positions

if TYPE_CHECKING:
    from ...store import Store

REBUILD = "build it anew: attribase -s STORE index --force"
POOLS_CACHED = 8  # the addresses of half a million rows take an eighth of a megabyte
LOW = np.uint64(2**32 - 1)  # of an address: the row within its fragment, where none before it was deleted
QUERIES_AT_ONCE, ANSWERS_AT_ONCE = 100, 1 << 18  # of one question to Lance: 4 MB of answers
MANY_SEARCHES = 20
"""A process that has searched so often opens the codes of the index, which loads numba."""

MIN_ANSWERS = 10  # searched for at least, as recall is measured for 10 and more


@dataclass(frozen=True)
class SearchEffort:
    """How thorough one search is: `nprobes` partitions, `refine` times the answers compared in full."""

    nprobes: int
    refine: float


@dataclass(frozen=True)
class IndexRecord:
    """What was measured of one index, a row of the table `indexes`; see store/schema.py."""

    index_name: str
    kind: str
    metric: str
    dim: int
    rows: int
    partitions: int
    nprobes: int
    refine: float
    recall_10: float
    nprobes_100: int
    refine_100: float
    recall_100: float
    nprobes_1000: int
    refine_1000: float
    recall_1000: float
    target: float
    queries: int
    milliseconds: float
    seconds: float
    bytes: int
    table_version: int

    def recall(self, k: int) -> float:
        """The recall that was measured for `k` answers, or for the next larger number of them."""
        return self.recall_10 if k <= 10 else self.recall_100 if k <= 100 else self.recall_1000

    def effort(self, k: int, share: float = 1.0) -> SearchEffort:
        """What `k` answers among a `share` of all rows take.

        It follows the curve through what was measured for 10, 100 and 1000 answers. Among a tenth of the
        rows, 10 answers are as far away as 100 of all rows; and ten times the partitions are probed then, as
        that tenth may be in other partitions than the rest.
        """
        share = max(share, 1e-9)
        partitions = (self.nprobes, self.nprobes_100, self.nprobes_1000)
        probes = _interpolate(partitions, k / share) / share
        refines = (self.refine, self.refine_100, self.refine_1000)
        return SearchEffort(
            min(self.partitions, math.ceil(probes - 1e-6)), _interpolate(refines, min(k, 1000))
        )


def _interpolate(measured: tuple[float, float, float], k: float) -> float:
    """The curve through what was measured at 10, 100 and 1000, straight where both axes are logarithmic.

    Below 10 it is flat. Beyond 1000 it goes on, rising at least like the square root of `k`.
    """
    decades = max(0.0, math.log10(k / 10))
    start = min(int(decades), 1)
    growth = measured[start + 1] / measured[start]
    if decades > 2:
        return float(measured[2] * max(growth, 10**0.5) ** (decades - 2))
    return float(measured[start] * growth ** (decades - start))


def read_index_record(pinned: Pinned, features: FeatureReader) -> IndexRecord | None:
    """The record of the index of a space; None where it has no measured index.

    Raises ConflictError where there is an index, but not the one that was measured, or by another metric; and
    where images were added that the mapper has not mapped, which an index would leave out.
    """
    index_id = key_id(features.encoder, features.mapper)
    rows = pinned.dataset("indexes").to_table().to_pylist()
    row = next((row for row in rows if row["index_id"] == index_id), None)
    index = indexes.describe(features.dataset, features.column)
    if row is None or index is None:
        return None
    record = IndexRecord(**{name: row[name] for name in IndexRecord.__dataclass_fields__})
    _compare(record, row, index, features)
    if index.unindexed and indexes.holds_nulls(features.dataset, features.column):
        raise features.not_mapped()
    return record


def _compare(record: IndexRecord, row: dict[str, Any], index: Index, features: FeatureReader) -> None:
    measured = (row["column_name"], record.kind, record.metric, record.dim)
    found = (features.column, index.kind, index.metric, features.dim)
    if measured != found:
        raise ConflictError(
            f"the index of {features.encoder} with {features.mapper} was measured as "
            f"{_format(*measured)}, and is {_format(*found)}",
            hint=REBUILD,
        )


def _format(column: str, kind: str, metric: str, dim: int) -> str:
    return f"{kind} of {column} ({dim} numbers, {metric})"


class ApproximateIndex:
    """The index of a space, open to be searched. Thread-safe."""

    def __init__(
        self, store: Store, features: FeatureReader, positions: Positions, samples: Positions
    ) -> None:
        """Where each row of the space is in the vector table, rising, and `samples`: the other places."""
        self._store, self._features = store, features
        self._dataset, self._column = features.dataset, features.column
        self._lookup = RowAddresses(self._dataset)
        self._positions, self._samples = positions, samples
        self._allowed: SharedCache[AllowedRows] = SharedCache(POOLS_CACHED)
        self._places: SharedCache[NDArray[np.bool_] | None] = SharedCache(POOLS_CACHED)
        self._lock, self._searches = Lock(), 0
        self._codes: CodedRows | None = None
        self._codes_read = self._expected = False

    def effort(self, record: IndexRecord, k: int, pool: Pool) -> SearchEffort:
        """What the `k` best of a pool take."""
        return record.effort(k, pool.size / max(len(self._positions) + len(self._samples), 1))

    def candidates(self, queries: Floats, k: int, pool: Pool, effort: SearchEffort) -> list[Positions]:
        """For each of `queries` (n, dim) rows of the pool that the `k` most similar are probably among."""
        count = min(math.ceil(max(k, MIN_ANSWERS) * effort.refine), pool.size)
        few = k <= MIN_ANSWERS and pool.where is None
        if few:
            coded = [self._search_codes(one, count, pool, effort.nprobes) for one in queries]
            whole = [one[0] for one in coded if one is not None]
            if len(whole) == len(queries):
                return whole
        allowed, step = self._allowed_in(pool), max(1, min(QUERIES_AT_ONCE, ANSWERS_AT_ONCE // max(count, 1)))
        found: list[Positions] = []
        for start in range(0, len(queries), step):
            some = queries[start : start + step]
            answers = index_search.nearest_of_each(
                self._dataset, self._column, some, count, effort.nprobes, allowed, no_more=few
            )
            found += map(self._rows, answers)
        return found

    def estimate(
        self, query: Floats, count: int, pool: Pool, nprobes: int, *, no_more: bool = False
    ) -> tuple[Positions, Floats]:
        """About the `count` rows of the pool most similar to `query` (dim,), and distances, which rise.

        See `index_search.nearest` for `nprobes`, `no_more`, and what a distance is.
        """
        if no_more and (coded := self._search_codes(query, count, pool, nprobes)) is not None:
            return coded
        found, distances = index_search.nearest(
            self._dataset, self._column, query, count, nprobes, self._allowed_in(pool), no_more=no_more
        )
        return self._rows(found), distances

    def above(self, query: Floats, floor: float, pool: Pool, nprobes: int) -> tuple[Positions, Floats] | None:
        """All rows of the pool whose similarity to `query` (dim,) is about `floor` or more, as `estimate`.

        `nprobes`: partitions to begin with. None where only Lance searches the index: it finds so many rows,
        not those above a floor.
        """
        coded = self._open_codes()
        if coded is None or pool.where is not None:
            return None
        return coded.above(query, floor, nprobes, self._places_of(coded, pool))

    def warm(self) -> None:
        """Read the whole index into memory."""
        index_search.warm(self._dataset, self._column)
        self.expect_searches()

    def expect_searches(self) -> None:
        """Open what pays off for many searches with the first one."""
        with self._lock:
            self._searches, self._expected = max(self._searches, MANY_SEARCHES), True

    def has_codes(self) -> bool:
        """Whether there is a file of `CodedRows` of this index and these images."""
        return self._read_codes() is not None

    def write_codes(
        self, centres: Floats, of_row: NDArray[np.int32], blocks: Iterator[tuple[Positions, Floats]]
    ) -> None:
        """Write that file. Arguments as for `write_coded_rows`."""
        write_coded_rows(self._store, self._features, centres, of_row, blocks)

    def leave_codes(self) -> None:
        """Search with Lance alone: what its index finds is to be measured."""
        with self._lock:
            self._codes, self._codes_read = None, True

    def _search_codes(
        self, query: Floats, count: int, pool: Pool, nprobes: int
    ) -> tuple[Positions, Floats] | None:
        """As `estimate`, by `CodedRows`; None where there is no file, or these partitions have fewer."""
        coded = self._open_codes()
        if coded is None or pool.where is not None:
            return None
        found = coded.nearest(query, count, nprobes, self._places_of(coded, pool))
        return found if len(found[0]) >= count else None

    def _places_of(self, coded: CodedRows, pool: Pool) -> NDArray[np.bool_] | None:
        return self._places.get(pool.name, lambda: coded.in_places(pool.mask))

    def _open_codes(self) -> CodedRows | None:
        """What a process opens that searches often: the first such search takes a second longer."""
        with self._lock:
            self._searches += 1
            if self._codes_read or self._searches <= MANY_SEARCHES:
                return self._codes
            self._codes_read = True
            self._codes = self._read_codes()
            if self._codes is not None:
                map_pages(self._codes, read=self._expected)
            return self._codes

    def _read_codes(self) -> CodedRows | None:
        coded = read_coded_rows(self._store, self._features, len(self._positions))
        return coded if coded is not None and coded.agrees(self._read_unit_rows) else None

    def _read_unit_rows(self, rows: Positions) -> Floats:
        return normalise(self._features.raw_at(self._positions[rows]))

    def _rows(self, addresses: NDArray[np.uint64]) -> Positions:
        """(found,) rows of the space by the addresses of images."""
        positions = self._lookup.positions(addresses)
        return positions - np.searchsorted(self._samples, positions)

    def _allowed_in(self, pool: Pool) -> AllowedRows:
        return self._allowed.get((pool.name, pool.where), lambda: self._allowed_rows(pool))

    def _allowed_rows(self, pool: Pool) -> AllowedRows:
        if pool.allowed is not None:
            return pool.allowed
        chosen = np.zeros(len(self._positions) + len(self._samples), bool)
        chosen[self._positions] = pool.mask
        return index_search.allowed_rows(index_search.row_addresses(self._dataset), chosen)


class RowAddresses:
    """From row addresses, which an index returns, to positions in the table."""

    def __init__(self, dataset: Any) -> None:
        """`dataset`: Lance's, at one version. Where no row of it was deleted, no address is read."""
        fragments = [one.metadata for one in dataset.get_fragments()]
        self._plain = all(one.deletion_file is None and one.row_id_meta is None for one in fragments)
        if self._plain:
            numbers = np.array([one.id for one in fragments], np.uint64)
            firsts = np.cumsum([0, *(one.physical_rows for one in fragments)])[:-1]
            order = np.argsort(numbers)
            self._sorted, self._positions = numbers[order], firsts[order]
        else:
            addresses = index_search.row_addresses(dataset)
            self._positions = np.argsort(addresses)
            self._sorted = addresses[self._positions]

    def positions(self, found: NDArray[np.uint64]) -> Positions:
        """(found,) positions; every address must be one of the table."""
        if not self._plain:
            return self._positions[np.searchsorted(self._sorted, found)]
        piece = np.searchsorted(self._sorted, found >> np.uint64(32))
        return self._positions[piece] + (found & LOW).astype(np.int64)
