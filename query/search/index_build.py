"""Building the index of a space, and measuring the search effort that a target recall takes."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.cluster import connect
from ...runtime.devices import core_count
from ...runtime.mapper import RAW
from ...store import Step, indexes, key_id
from ...store.columns import utc_now
from ...store.errors import ConflictError, InvalidInputError
from ...store.ids import mapped_column, vectors_table
from ...store.indexes import AssignedRows, Index
from ...store.lookup import is_in
from ...store.schema import INDEXES
from ..catalog import choose_encoder, choose_mapper, encoders, mappers
from ..features import Pinned
from .centroids import BLOCK, assign_rows, train_centroids
from .index import REBUILD, SearchEffort
from .index_cluster import SegmentWork, build_on
from .index_recall import RecallBenchmark, RecallMeasurement
from .partitions import store_codes
from .space import SearchSpace
from .topk import Floats

if TYPE_CHECKING:
    from ...store import Store

MIN_ROWS = 100_000
"""With fewer images than this, comparing all of them takes a fraction of a second, and is exact."""

AUTO_KINDS = ("IVF_RQ", "IVF_SQ")
"""Tried in turn. Measured on clustered vectors (100,000 and 1,000,000 of 512 numbers): both reach a recall of
0.99 with the same effort, IVF_RQ a little faster and in two thirds of the bytes. IVF_HNSW_SQ takes twice as
long to search; IVF_PQ ten times as long to build, and compares eight times the rows."""

MIN_PROBES = 4  # costs next to nothing, and users' queries differ from the measured ones
MAX_GROWTH = 4  # an index is built anew when its rows are more than so many times those it was made for


LARGE_ROWS = 4_000_000
"""From so many images on, IVF_RQ keeps SMALL_BITS bits a number of a vector in place of Lance's 5."""

SMALL_BITS = 1

ASSIGNED_A_STEP = 32
"""Blocks of rows that are assigned to partitions between two reports of progress."""


@dataclass(frozen=True)
class IndexTarget:
    """What an index should be like. Raises InvalidInputError for a value out of range.

    Attributes:
        recall: for 10, 100 and 1000 answers.
        kind: one of store.indexes.KINDS, or 'auto'.
        force: build anew where there is an index.
        min_rows: fewer images than this get no index.
    """

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

    def kinds(self, dim: int) -> list[str]:
        """The kinds to try in turn for vectors of this length."""
        if self.kind != "auto":
            return [self.kind]
        return [kind for kind in AUTO_KINDS if indexes.fits(kind, dim)]


def index_space(
    store: Store, encoder: str, mapper: str, target: IndexTarget, *, ray: str | None = None
) -> Iterator[Step]:
    """Build the index of one space, or add new rows to it; measure it, record that, and store the pools.

    With `ray`, the address of a Ray cluster (`HOST:PORT` or `auto`), its workers build a segment each. New
    rows are added here; an index of several segments that falls below the target by that is built anew.

    Yields no step where nothing is to be done: too few images, or nothing new since it was measured.

    Raises ConflictError where another tool's index is in the way and `target.force` is not set, or where the
    mapper has not mapped all items.
    """
    yield from _index_vectors(store, encoder, mapper, target, ray)
    space = SearchSpace.open(Pinned.now(store), encoder, mapper)
    if space.index and not space.pools.stored:
        yield Step("pools", 0, 1, "which images are in the gallery and in the pool of all")
        space.store_pools()
        yield Step("pools", 1, 1)
    if space.index and len(space) < LARGE_ROWS and not space.open_index().has_codes():
        yield from store_codes(space)


def _index_vectors(
    store: Store, encoder: str, mapper: str, target: IndexTarget, ray: str | None
) -> Iterator[Step]:
    space = SearchSpace.open(Pinned.now(store), encoder, mapper)
    if len(space) < target.min_rows:
        return
    if space.index_error is not None and not target.force:
        raise space.index_error
    table, column = vectors_table(encoder), space.column
    if target.force:
        indexes.drop_all(store, table, column)
        space = SearchSpace.open(Pinned.now(store), encoder, mapper)  # without them
    index = indexes.describe(store.dataset(table), column)
    record = None if target.force else space.index
    if index and record and target.kind in ("auto", record.kind) and index.rows < MAX_GROWTH * record.rows:
        # Another count: rows were added by a compaction, or by a run that was stopped before it measured.
        if index.unindexed or index.rows != record.rows or record.target < target.recall:
            reached = yield from _index_new_rows(store, space, index, target)
            if reached or index.segments == 1:
                return
        else:
            return
    kinds = target.kinds(space.dim)
    for kind in kinds:
        reached = yield from _build(store, space, kind, target, ray)
        if reached or kind == kinds[-1]:
            return


def partitions_for(rows: int) -> int:
    """How many partitions: the power of two nearest to the square root of the rows, with 32 rows in each.

    From LARGE_ROWS on it is the one nearest to 0.7 of that: for each search Lance compares all centres, which
    takes 0.7 microseconds for each of 512 numbers, and 0.05 for a row of a partition that is probed.
    """
    root = math.log2(max(rows, 1)) / 2 - (0.5 if rows >= LARGE_ROWS else 0)
    return max(1, min(1 << round(root), rows // 32))


def _build(
    store: Store, space: SearchSpace, kind: str, target: IndexTarget, ray: str | None
) -> Generator[Step, None, bool]:
    """Whether the target recall was reached."""
    partitions = partitions_for(len(space))
    indexes.delete_row(store, key_id(space.encoder, space.mapper))  # until it is measured, search is exact
    yield Step("build", 0, 1, f"{kind} of {len(space)} images, {partitions} partitions")
    start = time.perf_counter()
    centroids = train_centroids(space, partitions)
    table, pieces = vectors_table(space.encoder), 1
    bits = SMALL_BITS if kind == "IVF_RQ" and len(space) >= LARGE_ROWS else None
    if ray is None:
        assigned = yield from _assign(space, centroids)
        indexes.build(store, table, space.column, kind, centroids, assigned, bits=bits)
    else:
        with connect(ray) as cluster:
            version = int(store.dataset(table).version)
            work = SegmentWork(store, space.encoder, space.mapper, version, kind, centroids, bits)
            pieces = yield from build_on(cluster, work)
    seconds = time.perf_counter() - start
    yield Step("build", 1, 1, f"in {seconds:.0f} s" + (f", {pieces} segments" if pieces > 1 else ""))
    first = max(min(MIN_PROBES, partitions), partitions // 128)
    return (yield from _measure(store, space, target, first, (partitions, seconds)))


def _assign(space: SearchSpace, centroids: Floats) -> Generator[Step, None, AssignedRows]:
    """The partition of every row of the table: a fifth of the time that Lance takes to find it."""
    total, found = len(space.rows.is_image), list[NDArray[np.uint32]]()
    blocks = assign_rows(space.stream_items(BLOCK), centroids, core_count())
    for done, block in enumerate(blocks, start=1):
        found.append(block)
        if done % ASSIGNED_A_STEP == 0:
            yield Step("assign", sum(map(len, found)), total, "each row to its partition")
    return AssignedRows(int(space.dataset.version), np.concatenate(found))


def _index_new_rows(
    store: Store, space: SearchSpace, index: Index, target: IndexTarget
) -> Generator[Step, None, bool]:
    record = space.index
    if record is None:
        raise ConflictError(f"the index {index.name} was not measured", hint=REBUILD)
    if index.unindexed:
        yield Step("fold", 0, 1, f"{index.unindexed} rows that came after the index")
        indexes.index_new_rows(store, vectors_table(space.encoder), space.column)
        yield Step("fold", 1, 1)
    first = min(record.nprobes, max(MIN_PROBES, record.partitions // 128))
    return (yield from _measure(store, space, target, first, (record.partitions, record.seconds)))


def _measure(
    store: Store, space: SearchSpace, target: IndexTarget, nprobes: int, built: tuple[int, float]
) -> Generator[Step, None, bool]:
    """Find and record the effort that the target recall takes. Returns whether it was reached.

    `nprobes`: to begin with; `built`: the partitions of the index, and the seconds that its build took.
    """
    space = SearchSpace.open(Pinned.now(store), space.encoder, space.mapper)
    yield Step("measure", 0, 1, "comparing held-out samples with every image")
    benchmark = RecallBenchmark(space)
    measured: list[RecallMeasurement] = []
    for k, refine in ((10, 2.0), (100, 2.0), (1000, 1.25)):
        tuning = benchmark.tune(k, target.recall, built[0], SearchEffort(nprobes, refine))
        measured.append((yield from _report(tuning)))
        nprobes = measured[-1].effort.nprobes
    index = indexes.describe(space.dataset, space.column)
    if index is None:
        raise ConflictError("the index was dropped while it was measured", hint="run it again")
    how = {"target": target.recall, "queries": len(benchmark.queries)}
    how |= {"partitions": built[0], "seconds": built[1]}
    store.upsert("indexes", [_row(space, index, measured) | how], update=True)
    return all(one.recall >= target.recall for one in measured)


def _report(measurements: Iterator[RecallMeasurement]) -> Generator[Step, None, RecallMeasurement]:
    """A step for each measurement; returns the last one."""
    for count, last in enumerate(measurements, start=1):
        note = (
            f"recall@{last.k} {last.recall:.4f} in {last.milliseconds:.1f} ms, "
            f"{last.effort.nprobes} partitions, {last.effort.refine:g}x compared"
        )
        yield Step("measure", count, count, note)
    return last


def _row(space: SearchSpace, index: Index, measured: list[RecallMeasurement]) -> dict[str, Any]:
    """What was measured, as a row of `indexes`."""
    row = {
        "index_id": key_id(space.encoder, space.mapper),
        "encoder": space.encoder,
        "mapper": space.mapper,
        "table_name": vectors_table(space.encoder),
        "column_name": space.column,
        "index_name": index.name,
        "kind": index.kind,
        "metric": index.metric,
        "dim": space.dim,
        "rows": index.rows,
        "milliseconds": measured[0].milliseconds,
        "bytes": index.bytes,
        "table_version": int(space.dataset.version),
        "created": utc_now(),
    }
    for one, suffix in zip(measured, ("", "_100", "_1000"), strict=True):
        row |= {f"nprobes{suffix}": one.effort.nprobes, f"refine{suffix}": one.effort.refine}
        row |= {f"recall{suffix or '_10'}": one.recall}
    return row


def spaces_of(store: Store, encoder: str | None, mapper: str | None) -> list[tuple[str, str]]:
    """The (encoder, mapper) pairs with these names; left out, all that have vectors.

    Raises NotFoundError for unknown names.
    """
    spaces = []
    for one in [choose_encoder(store, encoder)] if encoder else encoders(store):
        columns = store.schema(vectors_table(one)).names
        if mapper is None:
            mapped = [name for name in mappers(store, one) if mapped_column(name) in columns]
            spaces += [(one, name) for name in (RAW, *sorted(mapped))]
        else:
            spaces.append((one, choose_mapper(store, one, mapper)))
    return spaces


def index_summary(
    store: Store, encoder: str, mapper: str, target: IndexTarget, *, changed: bool
) -> dict[str, Any]:
    """One space: its row of `indexes`, the number of its images, and its state."""
    rows = store.read("indexes", where=is_in("index_id", [key_id(encoder, mapper)])).to_pylist()
    images = store.count(vectors_table(encoder), "item_kind = 'image'")
    needed = images >= target.min_rows
    state = ("indexed" if changed else "up to date") if needed else "not needed"
    blank = dict.fromkeys(INDEXES.names) | {"encoder": encoder, "mapper": mapper}
    return {"state": state, "images": images} | (rows[0] if rows else blank)
