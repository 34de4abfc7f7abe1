"""Indexing a space: build, measure, and search as deep as the wanted recall needs."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ...runtime.mapper import RAW
from ...store import Step, indexes, key_id
from ...store.errors import ConflictError, InvalidInputError
from ...store.ids import mapped_column, vectors_table
from ...store.indexes import Index
from ...store.lookup import is_in
from ...store.schema import INDEXES
from ..catalog import choose_encoder, choose_mapper, encoders, mappers
from ..features import Pinned
from .index import REBUILD, Depth
from .index_recall import Measured, RecallBenchmark
from .space import SearchSpace
from .topk import Places, Reals

if TYPE_CHECKING:
    from ...store import Store


ROWS_EACH = 64  # images drawn for each centre
ROUNDS = 12
BLOCK = 8192


def centroids(space: SearchSpace, count: int) -> Reals:
    """(count, dim) unit rows: spherical k-means of some images of a space, which has `count` or more."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(space), size=min(len(space), ROWS_EACH * count), replace=False)
    rows = np.concatenate(
        [space.unit_rows(np.sort(drawn[start : start + BLOCK])) for start in range(0, len(drawn), BLOCK)]
    )
    centres = rows[rng.choice(len(rows), size=count, replace=False)]
    for _ in range(ROUNDS):
        nearest, similarities = _assigned(rows, centres)
        centres = _means(rows, nearest, similarities, count)
    return centres


def _assigned(rows: Reals, centres: Reals) -> tuple[Places, Reals]:
    """The centre nearest to each row, and how near it is."""
    nearest, similarities = np.empty(len(rows), np.int64), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        found = rows[start : start + BLOCK] @ centres.T
        best = found.argmax(axis=1)
        nearest[start : start + BLOCK] = best
        similarities[start : start + BLOCK] = found[np.arange(len(best)), best]
    return nearest, similarities


def _means(rows: Reals, nearest: Places, similarities: Reals, count: int) -> Reals:
    """Unit means of the rows of each centre; one that has none goes to a row that is far from its own."""
    order = np.argsort(nearest, kind="stable")
    starts = np.searchsorted(nearest[order], np.arange(count))
    filled = np.diff(np.append(starts, len(rows))) > 0
    means = np.empty((count, rows.shape[1]), np.float32)
    means[filled] = np.add.reduceat(rows[order], starts[filled], axis=0)
    lost = count - int(np.count_nonzero(filled))
    means[~filled] = rows[np.argsort(similarities, kind="stable")[:lost]]
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


MIN_ROWS = 100_000
"""With fewer images than this, comparing all of them takes a fraction of a second, and is exact."""

AUTO = ("IVF_RQ", "IVF_SQ")
"""Tried in turn. Measured on clustered vectors (100,000 and 1,000,000 of 512 numbers): both reach a recall of
0.99 at the same depth, IVF_RQ a little faster and in two thirds of the bytes. IVF_HNSW_SQ takes twice as long
to ask; IVF_PQ ten times as long to build, and compares eight times the rows."""

LEAST = 4  # partitions looked into: it costs next to nothing, and questions differ from those measured with
OUTGROWN = 4  # times the rows that the partitions were made for


@dataclass(frozen=True)
class IndexTarget:
    """What an index should be like. `kind` is one of store.indexes.KINDS, or 'auto'."""

    recall: float = 0.99
    kind: str = "auto"
    force: bool = False
    min_rows: int = MIN_ROWS

    def __post_init__(self) -> None:
        if not 0 < self.recall <= 1:
            raise InvalidInputError(f"a recall of {self.recall}", hint="ask for more than 0, at most 1")
        if self.kind not in ("auto", *indexes.KINDS):
            raise InvalidInputError(
                f"there is no index of the kind {self.kind!r}", hint=f"use auto, {', '.join(indexes.KINDS)}"
            )


def index_space(store: Store, encoder: str, mapper: str, wanted: IndexTarget) -> Iterator[Step]:
    """Build the index of one space, or take the rows that came later into it; measure; record.

    Nothing to do yields no step: too few images, or nothing new since it was measured.

    Raises ConflictError where an index of another make is in the way and `wanted.force` is not set, or where
    the mapper has not mapped all items.
    """
    space = SearchSpace.open(Pinned.now(store), encoder, mapper)
    if len(space) < wanted.min_rows:
        return
    if space.refused is not None and not wanted.force:
        raise space.refused
    table, column = vectors_table(encoder), space.column
    if wanted.force:
        indexes.drop_all(store, table, column)
    there = indexes.describe(store.dataset(table), column)
    known = None if wanted.force else space.index
    if there and known and wanted.kind in ("auto", known.kind) and there.rows < OUTGROWN * known.rows:
        if not there.unindexed and known.target >= wanted.recall:
            return
        yield from _fold(store, space, there, wanted)
        return
    kinds = [k for k in AUTO if indexes.fits(k, space.dim)] if wanted.kind == "auto" else [wanted.kind]
    for last, kind in enumerate(kinds, start=1 - len(kinds)):
        reached = yield from _build(store, space, kind, wanted)
        if reached or not last:
            return


def partitions_for(rows: int) -> int:
    """How many partitions: the power of two nearest to the square root of the rows, with 32 rows in each."""
    return max(1, min(1 << round(math.log2(max(rows, 1)) / 2), rows // 32))


def _build(store: Store, space: SearchSpace, kind: str, wanted: IndexTarget) -> Generator[Step, None, bool]:
    """Whether the recall that is wanted was reached."""
    table, column = vectors_table(space.encoder), space.column
    partitions = partitions_for(len(space))
    indexes.delete_row(store, key_id(space.encoder, space.mapper))  # until it is measured, search is exact
    yield Step("build", 0, 1, f"{kind} of {len(space)} images, {partitions} partitions")
    start = time.perf_counter()
    indexes.build(store, table, column, kind, centroids(space, partitions))
    seconds = time.perf_counter() - start
    yield Step("build", 1, 1, f"in {seconds:.0f} s")
    first = Depth(max(min(LEAST, partitions), partitions // 128), 2.0)
    return (yield from _measured(store, space, wanted, first, partitions, seconds))


def _fold(store: Store, space: SearchSpace, there: Index, wanted: IndexTarget) -> Generator[Step, None, bool]:
    facts = space.index
    if facts is None:
        raise ConflictError(f"the index {there.name} was not measured", hint=REBUILD)
    yield Step("fold", 0, 1, f"{there.unindexed} rows that came after the index")
    indexes.index_new_rows(store, vectors_table(space.encoder), space.column)
    yield Step("fold", 1, 1)
    first = Depth(min(facts.nprobes, max(LEAST, facts.partitions // 128)), 2.0)
    return (yield from _measured(store, space, wanted, first, facts.partitions, facts.seconds))


def _measured(
    store: Store, before: SearchSpace, wanted: IndexTarget, first: Depth, partitions: int, seconds: float
) -> Generator[Step, None, bool]:
    """Find how deep the wanted recall is at 10, 100 and 1000 answers, and record it."""
    space = SearchSpace.open(Pinned.now(store), before.encoder, before.mapper)
    yield Step("measure", 0, 1, "comparing held-out samples with every image")
    bench = RecallBenchmark(space)
    measured, start = [], first
    for k, refine in ((10, 2.0), (100, 2.0), (1000, 1.25)):
        start = Depth(start.nprobes, refine)
        measured.append((yield from _reported(bench.deepen(k, wanted.recall, partitions, start))))
        start = measured[-1].depth
    there = indexes.describe(space.dataset, space.column)
    if there is None:
        raise ConflictError("the index was dropped while it was measured", hint="run it again")
    how = {
        "target": wanted.recall,
        "queries": len(bench.queries),
        "partitions": partitions,
        "seconds": seconds,
    }
    store.upsert("indexes", [_row(space, there, measured) | how], update=True)
    return all(one.recall >= wanted.recall for one in measured)


def _reported(measures: Iterator[Measured]) -> Generator[Step, None, Measured]:
    """A step each; the last one."""
    for count, last in enumerate(measures, start=1):
        note = (
            f"recall@{last.k} {last.recall:.4f} in {last.milliseconds:.1f} ms, "
            f"{last.depth.nprobes} partitions, {last.depth.refine:g}x compared"
        )
        yield Step("measure", count, count, note)
    return last


def _row(space: SearchSpace, there: Index, measured: list[Measured]) -> dict[str, Any]:
    """What was measured, as `indexes` has it."""
    ten, hundred, thousand = measured
    return {
        "index_id": key_id(space.encoder, space.mapper),
        "encoder": space.encoder,
        "mapper": space.mapper,
        "table_name": vectors_table(space.encoder),
        "column_name": space.column,
        "index_name": there.name,
        "kind": there.kind,
        "metric": there.metric,
        "dim": space.dim,
        "rows": there.rows,
        "nprobes": ten.depth.nprobes,
        "refine": ten.depth.refine,
        "recall_10": ten.recall,
        "nprobes_100": hundred.depth.nprobes,
        "refine_100": hundred.depth.refine,
        "recall_100": hundred.recall,
        "nprobes_1000": thousand.depth.nprobes,
        "refine_1000": thousand.depth.refine,
        "recall_1000": thousand.recall,
        "milliseconds": ten.milliseconds,
        "bytes": there.bytes,
        "table_version": int(space.dataset.version),
        "created": datetime.now(UTC).replace(tzinfo=None),
    }


def spaces_of(store: Store, encoder: str | None, mapper: str | None) -> list[tuple[str, str]]:
    """The (encoder, mapper) pairs that are meant; left out, all that have vectors.

    Raises NotFoundError for unknown names.
    """
    found = []
    for one in [choose_encoder(store, encoder)] if encoder else encoders(store):
        columns = store.schema(vectors_table(one)).names
        if mapper is None:
            mapped = [name for name in mappers(store, one) if mapped_column(name) in columns]
            found += [(one, name) for name in (RAW, *sorted(mapped))]
        else:
            found.append((one, choose_mapper(store, one, mapper)))
    return found


def told(store: Store, encoder: str, mapper: str, wanted: IndexTarget, *, changed: bool) -> dict[str, Any]:
    """What the command prints of one space: its row of `indexes`, and what was done."""
    rows = store.read("indexes", where=is_in("index_id", [key_id(encoder, mapper)])).to_pylist()
    images = store.count(vectors_table(encoder), "item_kind = 'image'")
    needed = images >= wanted.min_rows
    state = ("indexed" if changed else "up to date") if needed else "not needed"
    blank = dict.fromkeys(INDEXES.names) | {"encoder": encoder, "mapper": mapper}
    return {"state": state, "images": images} | (rows[0] if rows else blank)
