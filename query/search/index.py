"""What is known of the index of a space: how it is searched, and what that was measured to find."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

from ...store import indexes, key_id
from ...store.errors import ConflictError
from ...store.indexes import Index
from ..features import Features, Pinned
from ..key_index import Addresses
from .pool import Pool
from .topk import Places, Reals

REBUILD = "build it anew: attribase -s STORE index --force"


@dataclass(frozen=True)
class Depth:
    """How hard one search tries: `nprobes` partitions, `refine` times as many rows compared in full."""

    nprobes: int
    refine: float


@dataclass(frozen=True)
class IndexFacts:
    """One row of the table `indexes`, the facts of one measured index; see store/schema.py."""

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
        """The recall that was measured for as many answers as `k`, or the next more."""
        return self.recall_10 if k <= 10 else self.recall_100 if k <= 100 else self.recall_1000

    def depth(self, k: int, share: float = 1.0) -> Depth:
        """How hard to try for `k` answers among a `share` of all rows.

        On the curve through what was measured for 10, 100 and 1000 answers. Among a tenth of the rows, 10
        answers lie as far away as 100 of all do; and ten times the partitions are looked into then, as that
        tenth may lie apart from the others.
        """
        share = max(share, 1e-9)
        partitions = (self.nprobes, self.nprobes_100, self.nprobes_1000)
        probes = _along(partitions, k / share) / share
        refines = (self.refine, self.refine_100, self.refine_1000)
        return Depth(min(self.partitions, math.ceil(probes - 1e-6)), _along(refines, min(k, 1000)))


def _along(measured: tuple[float, float, float], k: float) -> float:
    """The curve through what was measured at 10, 100 and 1000, straight where both axes are logarithmic.

    Below 10 it is flat; beyond 1000 it goes on, rising like the square root of `k` at least.
    """
    decades = max(0.0, math.log10(k / 10))
    start = min(int(decades), 1)
    growth = measured[start + 1] / measured[start]
    if decades > 2:
        return float(measured[2] * max(growth, 10**0.5) ** (decades - 2))
    return float(measured[start] * growth ** (decades - start))


def read_facts(pinned: Pinned, features: Features) -> IndexFacts | None:
    """What the store at `pinned` knows of the index of a space; None where it has none.

    Raises ConflictError where there is an index, but not the one that was measured, or by another metric; and
    where images came that the mapper has not mapped, which an index would leave out.
    """
    row = _recorded(pinned, key_id(features.encoder, features.mapper))
    there = indexes.describe(features.dataset, features.column)
    if row is None or there is None:
        return None
    facts = IndexFacts(**{name: row[name] for name in IndexFacts.__dataclass_fields__})
    _compare(facts, row, there, features)
    if there.unindexed and indexes.holds_nulls(features.dataset, features.column):
        raise features.not_mapped()
    return facts


def _recorded(pinned: Pinned, key: str) -> dict[str, Any] | None:
    rows = pinned.dataset("indexes").to_table().to_pylist()
    return next((row for row in rows if row["index_id"] == key), None)


def _compare(facts: IndexFacts, row: dict[str, Any], there: Index, features: Features) -> None:
    recorded = (row["column_name"], facts.kind, facts.metric, facts.dim)
    found = (features.column, there.kind, there.metric, features.dim)
    if recorded != found:
        raise ConflictError(
            f"the index of {features.encoder} with {features.mapper} was measured as "
            f"{_described(*recorded)}, and is {_described(*found)}",
            hint=REBUILD,
        )


def _described(column: str, kind: str, metric: str, dim: int) -> str:
    return f"{kind} of {column} ({dim} numbers, {metric})"


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
        return indexes.row_allowlist(self._addresses[self._places[pool.mask]])


T = TypeVar("T")


class Kept(Generic[T]):
    """The values of the `most` keys that were asked for last. Thread-safe.

    Two who ask for a new key at once may both make it: that costs time, and waiting would too.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made now if it is not here. What `make` raises is raised, and not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self.most:
                self._values.popitem(last=False)
        return value
