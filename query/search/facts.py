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
    refine: int


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
    refine: int
    nprobes_100: int
    refine_100: int
    recall_10: float
    recall_100: float
    target: float
    queries: int
    milliseconds: float
    seconds: float
    bytes: int
    table_version: int

    def recall(self, k: int) -> float:
        """The recall that was measured nearest to `k` answers."""
        return self.recall_10 if k <= 10 else self.recall_100

    def depth(self, k: int, share: float = 1.0) -> Depth:
        """How hard to try for `k` answers among a `share` of all rows.

        As measured for up to 10 and for 100 answers; between and beyond on the curve through both. Where
        only a share of the rows may be an answer, as many of those are looked at as there would be of all.
        """
        decades = max(0.0, math.log10(k / 10))
        slope = self.nprobes_100 / self.nprobes if k <= 100 else max(self.nprobes_100 / self.nprobes, 10**0.5)
        probes = (
            self.nprobes * slope**decades if k <= 100 else self.nprobes_100 * slope ** (decades - 1)
        ) / max(share, 1e-9)
        refine = self.refine * (self.refine_100 / self.refine) ** min(decades, 1.0)
        if k > 100:  # more answers have more of the others among them already
            refine = 1 + (refine - 1) * (100 / k) ** 0.5
        return Depth(min(self.partitions, math.ceil(probes)), math.ceil(round(refine, 6)))


def read_facts(pinned: Pinned, features: Features) -> IndexFacts | None:
    """What the store at `pinned` knows of the index of a space; None where it has none.

    Raises ConflictError where there is an index, but not the one that was measured, or by another metric.
    """
    row = _recorded(pinned, key_id(features.encoder, features.mapper))
    there = indexes.described(features.dataset, features.column)
    if row is None or there is None:
        return None
    facts = IndexFacts(**{name: row[name] for name in IndexFacts.__dataclass_fields__})
    _compare(facts, row, there, features)
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
