"""What is known of the index of a space: how it is searched, and what that was measured to find."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...store import indexes, key_id
from ...store.errors import ConflictError
from ...store.indexes import Index
from ..features import Features, Pinned

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
    there = indexes.described(features.dataset, features.column)
    if row is None or there is None:
        return None
    facts = IndexFacts(**{name: row[name] for name in IndexFacts.__dataclass_fields__})
    _compare(facts, row, there, features)
    if there.unindexed and indexes.holds_nulls(features.dataset, features.column):
        raise features.not_mapped()
    return facts


def _recorded(pinned: Pinned, key: str) -> dict[str, Any] | None:
    if "indexes" not in pinned.versions:  # a store from before there were any
        return None
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
