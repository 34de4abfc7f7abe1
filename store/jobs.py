"""Jobs: what is to be done, cut into shards, each committed exactly once.

A worker writes a shard's rows first (their ids are deterministic, so writing twice changes nothing) and
marks the shard done after. A kill in between repeats one shard and leaves the same tables.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from .errors import ConflictError, InvalidInputError
from .ids import canonical_json, key_id
from .lookup import FEW, is_in, quote
from .retries import with_retries

if TYPE_CHECKING:
    from .store import Store


PLANNED = "planned"
DONE = "done"
TIDY_EVERY = 64  # shards


@dataclass(frozen=True)
class Shard:
    """The unit of work: `items` are committed together."""

    job_id: str
    index: int
    items: tuple[str, ...]


@dataclass(frozen=True)
class JobStatus:
    """How far a job is, in items. `updated` is when it was planned or last finished a shard, UTC."""

    job_id: str
    kind: str
    spec: Mapping[str, Any]
    total_items: int
    done_items: int
    updated: datetime


@dataclass(frozen=True)
class Job:
    """A planned job. Picklable, so worker processes can finish its shards."""

    job_id: str
    kind: str
    total_items: int
    store: "Store" = field(repr=False)

    def pending(self) -> list[Shard]:
        """The shards that are not done, in order."""
        where = f"job_id = {quote(self.job_id)} AND state = {quote(PLANNED)}"
        rows = self.store.read("jobs", ["shard", "items"], where).sort_by("shard").to_pylist()
        return [Shard(self.job_id, row["shard"], tuple(row["items"])) for row in rows]

    def finish(self, shard: Shard) -> None:
        """Say that the rows of `shard` are committed. Saying it twice changes nothing.

        Raises InvalidInputError for a shard of another job, ConflictError as `Store.upsert`.
        """
        where = f"job_id = {quote(self.job_id)} AND shard = {shard.index}"
        if shard.job_id != self.job_id or not self.store.count("jobs", where):
            raise InvalidInputError(
                f"job {self.job_id} has no shard {shard.index}", hint="finish only what `pending` named"
            )
        values = {"state": quote(DONE), "updated": f"cast({quote(now().isoformat())} as timestamp)"}

        def commit() -> None:
            self.store.dataset("jobs").update(values, where=f"{where} AND state = {quote(PLANNED)}")

        with_retries(f"finishing shard {shard.index} of job {self.job_id}", commit)
        if shard.index % TIDY_EVERY == TIDY_EVERY - 1:
            self._tidy()

    @property
    def done_items(self) -> int:
        """How many items are committed now, by whichever process."""
        where = f"job_id = {quote(self.job_id)} AND state = {quote(DONE)}"
        return int(pc.sum(self.store.read("jobs", ["count"], where)["count"]).as_py() or 0)

    def _tidy(self) -> None:
        """Put together the one-row fragments that finishing leaves: each makes every later read slower."""
        with contextlib.suppress(ConflictError):  # others are at it; this is only upkeep
            with_retries("tidying jobs", lambda: self.store.dataset("jobs").optimize.compact_files())


@dataclass(frozen=True)
class Jobs:
    """The jobs of one store."""

    store: "Store" = field(repr=False)

    def plan(self, kind: str, spec: Mapping[str, Any], items: Sequence[str], shard_size: int) -> Job:
        """The job that does `items` as `spec` says; the same arguments give the same job, as far as it is.

        Name all items that the job is about, done or not: that makes the run after a kill the same job.

        Args:
            kind: "embed", "sample", ...
            spec: what determines the result, as JSON values.
            items: their order is the order of work; an item named twice counts once.
            shard_size: items committed together. A job that is there keeps the shards it has.
        """
        if shard_size < 1:
            raise InvalidInputError(f"shard size {shard_size} is no positive number", hint="use 1 or more")
        distinct = list(dict.fromkeys(items))
        job = Job(key_id(kind, spec, distinct), kind, len(distinct), self.store)
        if distinct and not self.store.existing("jobs", [job.job_id]):
            cuts = [distinct[start : start + shard_size] for start in range(0, len(distinct), shard_size)]
            common = {"job_id": job.job_id, "kind": kind, "spec": canonical_json(spec), "state": PLANNED}
            at = now()
            rows = [
                {**common, "shard": n, "items": cut, "count": len(cut), "updated": at}
                for n, cut in enumerate(cuts)
            ]
            self.store.upsert("jobs", rows)  # one commit: a job is planned whole or not at all
        return job

    def unfinished(self) -> list[JobStatus]:
        """The jobs with shards left to do, oldest first.

        A job counts as replaced when a later one of the same kind and spec shares an item with it: then the
        later one says what is left.
        """
        columns = [name for name in self.store.schema("jobs").names if name != "items"]  # may be millions
        jobs: dict[str, list[dict[str, Any]]] = {}
        for row in self.store.read("jobs", columns).to_pylist():
            jobs.setdefault(row["job_id"], []).append(row)
        left = [rows for rows in jobs.values() if any(row["state"] == PLANNED for row in rows)]
        found = [_status(rows) for rows in left if not self._replaced(rows, jobs.values())]
        return sorted(found, key=lambda status: (status.updated, status.job_id))

    def _replaced(
        self, rows: Sequence[Mapping[str, Any]], jobs: Iterable[Sequence[Mapping[str, Any]]]
    ) -> bool:
        """Whether one of `jobs` was planned after the job `rows` and does some of the same."""
        later = [other[0]["job_id"] for other in jobs if _later(other, rows)]
        ours = self._items(rows[0]["job_id"]) if later else None
        return any(pc.any(pc.is_in(self._items(other), ours)).as_py() for other in later)

    def _items(self, job_id: str) -> pa.Array:
        """All items of a job."""
        lists = self.store.read("jobs", ["items"], f"job_id = {quote(job_id)}")["items"]
        return pc.list_flatten(lists).combine_chunks()


def _later(other: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the job `other` is of the same kind and spec as the job `rows` and was planned after it."""
    same = other[0]["job_id"] != rows[0]["job_id"] and all(
        other[0][key] == rows[0][key] for key in ("kind", "spec")
    )
    planned = max(row["updated"] for row in rows if row["state"] == PLANNED)
    return bool(same and min(row["updated"] for row in other) > planned)


def _status(rows: Sequence[Mapping[str, Any]]) -> JobStatus:
    return JobStatus(
        job_id=rows[0]["job_id"],
        kind=rows[0]["kind"],
        spec=json.loads(rows[0]["spec"]),
        total_items=sum(row["count"] for row in rows),
        done_items=sum(row["count"] for row in rows if row["state"] == DONE),
        updated=max(row["updated"] for row in rows),
    )


def now() -> datetime:
    """The time as the tables keep it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def record_failures(store: "Store", stage: str, failures: Sequence[tuple[str, str, str]]) -> None:
    """Keep (item, reason, detail) of `stage`; the newest reason of an item counts.

    An item that fails again as it did before is not written again.
    """
    if not failures:
        return
    known = store.read("failures", ["item", "reason", "detail"], f"stage = {quote(stage)}").to_pylist()
    before = {row["item"]: (row["reason"], row["detail"]) for row in known}
    at = now()
    rows = [
        {"stage": stage, "item": item, "reason": reason, "detail": detail, "at": at}
        for item, reason, detail in failures
        if before.get(item) != (reason, detail)
    ]
    if rows:
        store.upsert("failures", rows, update=True)


def forget_failures(store: "Store", stage: str, items: Sequence[str]) -> None:
    """Drop what is recorded of `items` under `stage`: they were tried again, and worked."""
    known = store.read("failures", ["item"], f"stage = {quote(stage)}")["item"].to_pylist()
    wanted = set(items)
    gone = [item for item in known if item in wanted]
    for start in range(0, len(gone), FEW):
        where = f"stage = {quote(stage)} AND {is_in('item', gone[start : start + FEW])}"
        with_retries("forgetting failures", partial(_delete, store, where))


def _delete(store: "Store", where: str) -> None:
    store.dataset("failures").delete(where)


@dataclass(frozen=True)
class Step:
    """`done` of `total` items of `stage` are committed. `note` is for people ("3 failed")."""

    stage: str
    done: int
    total: int
    note: str = ""
