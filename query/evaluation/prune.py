"""Deleting runs that newer runs of the same encoder, mapper, case, split and scheme have superseded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from ...store.lookup import is_in
from ...store.retries import with_retries
from ..features import Pinned
from .runs import newest_rows

if TYPE_CHECKING:
    from ...store import Store

AT_ONCE = 500
"""Runs deleted in one commit."""


@dataclass(frozen=True)
class PruneReport:
    """Rows of `runs` and `ranks` that are kept, and those that are deleted (or would be)."""

    kept_runs: int
    kept_ranks: int
    deleted_runs: int
    deleted_ranks: int
    unfinished_ranks: int  # of runs without a row in `runs`, kept unless `unfinished` was given


def prune_runs(store: Store, *, unfinished: bool = False, dry_run: bool = False) -> PruneReport:
    """Delete superseded runs and their ranks; keep the newest run of each, which the views read.

    Tagged versions of the tables still hold what is deleted here; disk space is freed by compaction.

    Args:
        store: the store.
        unfinished: delete ranks of runs that were never finished too. `evaluate` could resume those made at
            the newest table versions, so do this only while no evaluation is running.
        dry_run: only count.
    """
    pinned = Pinned.now(store)
    runs = pinned.read("runs", ["run_id", "run_number"]).to_pylist()
    newest = {row["run_id"] for row in newest_rows(pinned).values()}
    superseded = {row["run_id"]: row["run_number"] for row in runs if row["run_id"] not in newest}
    counted = pc.value_counts(pinned.read("ranks", ["run_number"])["run_number"])
    counts = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
    never_finished = counts.keys() - {row["run_number"] for row in runs}
    numbers = set(superseded.values()) | (never_finished if unfinished else set())
    if not dry_run:  # ranks first: stopped in between, the next call still knows what is superseded
        _delete(store, "ranks", "run_number", numbers)
        _delete(store, "runs", "run_id", superseded)
    deleted_ranks = sum(counts.get(number, 0) for number in numbers)
    unfinished_ranks = sum(counts[number] for number in never_finished)
    return PruneReport(
        kept_runs=len(runs) - len(superseded),
        kept_ranks=sum(counts.values()) - deleted_ranks,
        deleted_runs=len(superseded),
        deleted_ranks=deleted_ranks,
        unfinished_ranks=unfinished_ranks,
    )


def _delete(store: Store, table: str, column: str, values: Collection[str | int]) -> None:
    wanted = sorted(values, key=str)
    for start in range(0, len(wanted), AT_ONCE):
        where = is_in(column, wanted[start : start + AT_ONCE])
        with_retries(f"deleting from {table}", _deletion(store, table, where))


def _deletion(store: Store, table: str, where: str) -> Callable[[], None]:
    def commit() -> None:
        store.dataset(table).delete(where)

    return commit
