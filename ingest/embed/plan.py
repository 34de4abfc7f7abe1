"""What is left to embed, in jobs of bounded size: the plan of 10^8 images is never in memory at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ...store import InvalidInputError, Job, Shard, Store
from ...store.lookup import quote
from ...store.schema import ITEM_TABLES
from ...store.tombstones import read_tombstones

KIND = "embed"
JOB_ITEMS = 1 << 17  # items a job
SCAN_ROWS = 1 << 16
SEEDS = (0, 1)  # of the two hashes of an id

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Target:
    """What is embedded and where to: `table` holds the vectors, `stage` names the failures.

    `where` is an SQL condition on the rows of images and samples. Items that failed before are left out
    unless `retry_failed`.
    """

    store: Store
    encoder: str
    table: str
    where: str | None = None
    retry_failed: bool = False

    @property
    def stage(self) -> str:
        """The stage under which failures and progress are recorded."""
        return f"{KIND}:{self.encoder}"

    def known(self, also: Sequence[str] = ()) -> KnownIds:
        """The items that have a vector, failed before or were removed, and `also`."""
        ids = [pa.array([*also, *read_tombstones(self.store).by_id], pa.string())]
        ids += [batch["item_id"] for batch in self.store.scan(self.table, ["item_id"], batch_rows=SCAN_ROWS)]
        if not self.retry_failed:
            failures = self.store.read("failures", ["item"], f"stage = {quote(self.stage)}")["item"]
            ids += failures.chunks
        return KnownIds(ids)


class KnownIds:
    """A set of ids as two independent 64-bit hashes, sorted by the first: 16 bytes an id.

    When two ids of the set share their first hash (once in 10^4 sets of 10^8), one of them may be taken for
    missing: it is then done twice, which changes nothing. An id that is not in the set is taken for one of
    it only when 128 bits are equal.
    """

    def __init__(self, parts: Iterable[pa.Array]) -> None:
        """Build the set from columns of ids."""
        hashed = [_hashes(part) for part in parts if len(part)]
        first, second = (
            np.concatenate([both[n] for both in hashed]) if hashed else np.zeros(0, np.uint64) for n in (0, 1)
        )
        order = np.argsort(first, kind="stable")
        self._first, self._second = first[order], second[order]

    def has(self, ids: pa.Array) -> NDArray[np.bool_]:
        """(ids,) which of `ids` are in the set."""
        if not len(self._first) or not len(ids):
            return np.zeros(len(ids), np.bool_)
        first, second = _hashes(ids)
        at = np.minimum(np.searchsorted(self._first, first), len(self._first) - 1)
        found: NDArray[np.bool_] = (self._first[at] == first) & (self._second[at] == second)
        return found


def count_missing(target: Target, known: KnownIds) -> int:
    """How many items have bytes, satisfy the condition and are not known."""
    return sum(len(ids) for _, ids in _missing(target, known))


def new_jobs(target: Target, known: KnownIds, shard_size: int) -> Iterator[Job]:
    """Jobs that cover what is missing, each planned when the iterator reaches it."""
    window: list[str] = []
    for kind, ids in _missing(target, known):
        for item in ids.to_pylist():
            window.append(f"{kind}:{item}")
            if len(window) == JOB_ITEMS:
                yield _plan(target, window, shard_size)
                window = []
    if window:
        yield _plan(target, window, shard_size)


def open_jobs(target: Target) -> list[Job]:
    """The jobs that a killed run planned and did not finish."""
    return [
        Job(status.job_id, status.kind, status.total_items, target.store)
        for status in target.store.jobs.unfinished()
        if status.kind == KIND and status.spec.get("encoder") == target.encoder
    ]


def selected_kinds(target: Target) -> list[str]:
    """The kinds of item that the condition applies to: those whose table has all its columns.

    Raises InvalidInputError when it fits neither table.
    """
    if target.where is None:
        return list(ITEM_TABLES)
    refused: dict[str, str] = {}
    for kind, (table, key, _) in ITEM_TABLES.items():
        try:
            next(target.store.scan(table, [key], _condition(target.where), batch_rows=1), None)
        except (ValueError, OSError, RuntimeError) as error:  # Lance's, for a bad filter
            next(target.store.scan(table, [key], batch_rows=1), None)  # raises where the table is unreadable
            refused[kind] = str(error).splitlines()[0].split(", /")[0]
    if len(refused) == len(ITEM_TABLES):
        columns = {table: ", ".join(target.store.schema(table).names) for table, *_ in ITEM_TABLES.values()}
        raise InvalidInputError(
            f"neither images nor samples can be selected by {target.where!r}: {refused['image']}",
            hint=f"images have {columns['images']}; samples have {columns['samples']}",
        )
    return [kind for kind in ITEM_TABLES if kind not in refused]


def split_missing(shard: Shard, known: KnownIds) -> dict[str, list[str]]:
    """The ids of the items of `shard` that still have to be embedded, by kind."""
    split = [item.partition(":") for item in shard.items]
    done = known.has(pa.array([item for _, _, item in split], pa.string()))
    missing: dict[str, list[str]] = {}
    for (kind, _, item), is_done in zip(split, done, strict=True):
        if not is_done:
            missing.setdefault(kind, []).append(item)
    return missing


def _plan(target: Target, items: list[str], shard_size: int) -> Job:
    """A new job for `items`. An equal one may be done: vectors were dropped since, or items failed."""
    spec: dict[str, str | int] = {"encoder": target.encoder}
    for again in range(1, 1 << 20):
        job = target.store.jobs.plan(KIND, spec, items, shard_size)
        if job.done_items < job.total_items:
            break
        spec["again"] = again
    return job


def _missing(target: Target, known: KnownIds) -> Iterator[tuple[str, pa.Array]]:
    """(kind, ids) of the items that are not known, some at a time, in the order of their tables."""
    for kind in selected_kinds(target):
        table, key, _ = ITEM_TABLES[kind]
        for batch in target.store.scan(table, [key], _condition(target.where), batch_rows=SCAN_ROWS):
            left = batch[key].filter(pa.array(np.logical_not(known.has(batch[key]))))
            if len(left):
                yield kind, left


def _condition(where: str | None) -> str:
    return "bytes is not null" if where is None else f"(bytes is not null) AND ({where})"


def _hashes(ids: pa.Array) -> tuple[Hashes, Hashes]:
    column = pl.Series(pl.from_arrow(ids))
    first, second = (column.hash(seed).to_numpy() for seed in SEEDS)
    return first, second
