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

Hashes = NDArray[np.uint64]
SEEDS = (0, 1)


class KnownIds:
    """A set of ids as two independent 64-bit hashes, sorted by the first.

    An id that is in the set can be told to be missing when two ids share their first hash (once in 10^4
    sets of 10^8): it is then done twice, which changes nothing. That one which is not in the set is told to
    be there takes 128 equal bits.
    """

    def __init__(self, parts: Iterable[pa.Array]) -> None:
        """Take in columns of ids, one after the other."""
        hashed = [_hashes(part) for part in parts if len(part)]
        first, second = (
            np.concatenate([both[n] for both in hashed]) if hashed else np.zeros(0, np.uint64) for n in (0, 1)
        )
        order = np.argsort(first, kind="stable")
        self._first, self._second = first[order], second[order]

    def has(self, ids: pa.Array) -> NDArray[np.bool_]:
        """Which of `ids` are in the set."""
        if not len(self._first) or not len(ids):
            return np.zeros(len(ids), np.bool_)
        first, second = _hashes(ids)
        at = np.minimum(np.searchsorted(self._first, first), len(self._first) - 1)
        there: NDArray[np.bool_] = (self._first[at] == first) & (self._second[at] == second)
        return there


def _hashes(ids: pa.Array) -> tuple[Hashes, Hashes]:
    column = pl.Series(pl.from_arrow(ids))
    one, other = (column.hash(seed).to_numpy() for seed in SEEDS)
    return one, other


KIND = "embed"
JOB_ITEMS = 1 << 17  # items a job
SCAN_ROWS = 1 << 16


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
        """What failures and progress are recorded under."""
        return f"{KIND}:{self.encoder}"

    def known(self, also: Sequence[str] = ()) -> KnownIds:
        """The items that need nothing more, and `also`."""
        ids = [pa.array(also, pa.string())]
        ids += [batch["item_id"] for batch in self.store.scan(self.table, ["item_id"], batch_rows=SCAN_ROWS)]
        if not self.retry_failed:
            failures = self.store.read("failures", ["item"], f"stage = {quote(self.stage)}")["item"]
            ids += failures.chunks
        return KnownIds(ids)


def count_missing(target: Target, known: KnownIds) -> int:
    """How many items have bytes, satisfy the condition and are not known."""
    return sum(len(ids) for _, ids in _missing(target, known))


def new_jobs(target: Target, known: KnownIds, shard_size: int) -> Iterator[Job]:
    """Jobs that cover what is missing, each planned when it is asked for."""
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
    """What a killed run planned and did not finish."""
    return [
        Job(status.job_id, status.kind, status.total_items, target.store)
        for status in target.store.jobs.unfinished()
        if status.kind == KIND and status.spec.get("encoder") == target.encoder
    ]


def left_of(shard: Shard, known: KnownIds) -> dict[str, list[str]]:
    """The ids of the items of `shard` that still have to be done, by kind."""
    split = [item.partition(":") for item in shard.items]
    there = known.has(pa.array([item for _, _, item in split], pa.string()))
    left: dict[str, list[str]] = {}
    for (kind, _, item), done in zip(split, there, strict=True):
        if not done:
            left.setdefault(kind, []).append(item)
    return left


def _plan(target: Target, items: list[str], shard_size: int) -> Job:
    """A job for `items`, which may have been done before: then their vectors were dropped, or they failed."""
    spec: dict[str, str | int] = {"encoder": target.encoder}
    for again in range(1, 1 << 20):
        job = target.store.jobs.plan(KIND, spec, items, shard_size)
        if job.done_items < job.total_items:
            break
        spec["again"] = again
    return job


def _missing(target: Target, known: KnownIds) -> Iterator[tuple[str, pa.Array]]:
    """(kind, ids) of the items that are left, some at a time, in the order of their tables."""
    for kind in selected_kinds(target):
        table, key, _ = ITEM_TABLES[kind]
        for batch in target.store.scan(table, [key], _condition(target.where), batch_rows=SCAN_ROWS):
            left = batch[key].filter(pa.array(np.logical_not(known.has(batch[key]))))
            if len(left):
                yield kind, left


def selected_kinds(target: Target) -> list[str]:
    """The kinds of item that the condition can be asked of: those whose table has all its columns.

    Raises InvalidInputError when neither table understands it.
    """
    if target.where is None:
        return list(ITEM_TABLES)
    refused: dict[str, str] = {}
    for kind, (table, key, _) in ITEM_TABLES.items():
        try:
            next(target.store.scan(table, [key], _condition(target.where), batch_rows=1), None)
        except (ValueError, OSError, RuntimeError) as error:  # whatever Lance says to a bad filter
            refused[kind] = str(error).splitlines()[0].split(", /")[0]
    if len(refused) == len(ITEM_TABLES):
        columns = {table: ", ".join(target.store.schema(table).names) for table, *_ in ITEM_TABLES.values()}
        raise InvalidInputError(
            f"neither images nor samples can be selected by {target.where!r}: {refused['image']}",
            hint=f"images have {columns['images']}; samples have {columns['samples']}",
        )
    return [kind for kind in ITEM_TABLES if kind not in refused]


def _condition(where: str | None) -> str:
    return "bytes is not null" if where is None else f"(bytes is not null) AND ({where})"
