"""The progress of a stage: jobs cut into shards that are committed once.

A worker writes the rows of a shard first (their ids are deterministic, so writing them twice changes nothing)
and marks the shard done after that. A worker killed in between repeats one shard and leaves the same tables.
"""

import contextlib
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from .columns import utc_now
from .errors import ConflictError, InvalidInputError
from .ids import canonical_json, key_id
from .lookup import is_in, quote
from .retries import with_retries
from .tables import Tables

Result = TypeVar("Result")

PLANNED = "planned"
DONE = "done"
COMPACT_EVERY = 64  # shards


@dataclass(frozen=True)
class Step:
    """`done` of `total` items of `stage` are committed. `note` is for people ("3 failed")."""

    stage: str
    done: int
    total: int
    note: str = ""


def result_of(steps: Generator[Any, None, Result]) -> Result:
    """Run a job whose steps nobody sees; the value that it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: Result = ended.value
            return result


@dataclass(frozen=True)
class Shard:
    """The unit of work: `items` are committed together."""

    job_id: str
    index: int
    items: tuple[str, ...]


@dataclass(frozen=True)
class JobStatus:
    """The progress of a job, in items. `updated` is when it was planned or last finished a shard, UTC."""

    job_id: str
    kind: str
    spec: Mapping[str, Any]
    total_items: int
    done_items: int
    updated: datetime


@dataclass(frozen=True)
class Job:
    """A planned job. Picklable, so that worker processes can finish its shards."""

    job_id: str
    kind: str
    total_items: int
    tables: Tables = field(repr=False)

    def pending(self) -> list[Shard]:
        """The shards that are not done, in order."""
        return self._shards(f" AND state = {quote(PLANNED)}")

    def shards(self) -> list[Shard]:
        """All shards, done or not, in order."""
        return self._shards("")

    def _shards(self, which: str) -> list[Shard]:
        rows = self.tables.read("jobs", ["shard", "items"], f"job_id = {quote(self.job_id)}{which}")
        return [
            Shard(self.job_id, row["shard"], tuple(row["items"])) for row in rows.sort_by("shard").to_pylist()
        ]

    def finish(self, shard: Shard) -> None:
        """Mark `shard` as done, once its rows are committed. Doing it twice changes nothing.

        Raises InvalidInputError for a shard of another job, ConflictError as `Tables.upsert`.
        """
        self.finish_all([shard])

    def finish_all(self, shards: Sequence[Shard]) -> None:
        """`finish` for many shards in one commit."""
        if not shards:
            return
        numbers = sorted({shard.index for shard in shards})
        where = f"job_id = {quote(self.job_id)} AND {is_in('shard', numbers)}"
        if any(shard.job_id != self.job_id for shard in shards) or self.tables.count("jobs", where) < len(
            numbers
        ):
            raise InvalidInputError(
                f"job {self.job_id} has no shard {shards[0].index}",
                hint="finish only what `pending` returned",
            )
        values = {"state": quote(DONE), "updated": f"cast({quote(utc_now().isoformat())} as timestamp)"}

        def commit() -> None:
            self.tables.dataset("jobs").update(values, where=f"{where} AND state = {quote(PLANNED)}")

        with_retries(f"finishing shard {numbers[0]} of job {self.job_id}", commit)
        if any(number % COMPACT_EVERY == COMPACT_EVERY - 1 for number in numbers):
            self._compact()

    @property
    def done_items(self) -> int:
        """How many items all processes have committed so far."""
        where = f"job_id = {quote(self.job_id)} AND state = {quote(DONE)}"
        return int(pc.sum(self.tables.read("jobs", ["count"], where)["count"]).as_py() or 0)

    def _compact(self) -> None:
        """Merge the one-row fragments that `finish` leaves: each makes every later read slower."""
        with contextlib.suppress(ConflictError):  # another worker compacts the table
            with_retries("compacting jobs", lambda: self.tables.dataset("jobs").optimize.compact_files())


@dataclass(frozen=True)
class Jobs:
    """The jobs of one store."""

    tables: Tables = field(repr=False)

    def plan(self, kind: str, spec: Mapping[str, Any], items: Sequence[str], shard_size: int) -> Job:
        """The job of `items` under `spec`, planned unless it is stored: the same arguments give the same job.

        Pass all items of the job, done or not, so that the run after a kill is the same job.

        Args:
            kind: "embed", "sample", ...
            spec: what determines the result, as JSON values.
            items: their order is the order of work; an item named twice counts once.
            shard_size: items committed together. A job that is stored already keeps its shards.

        Raises InvalidInputError for a shard size below 1.
        """
        if shard_size < 1:
            raise InvalidInputError(f"the shard size is {shard_size}", hint="use 1 or more")
        distinct = list(dict.fromkeys(items))
        job = Job(key_id(kind, spec, distinct), kind, len(distinct), self.tables)
        if distinct and not self.tables.existing("jobs", [job.job_id]):
            cuts = [distinct[start : start + shard_size] for start in range(0, len(distinct), shard_size)]
            common = {"job_id": job.job_id, "kind": kind, "spec": canonical_json(spec), "state": PLANNED}
            now = utc_now()
            rows = [
                {**common, "shard": n, "items": cut, "count": len(cut), "updated": now}
                for n, cut in enumerate(cuts)
            ]
            self.tables.upsert("jobs", rows)  # one commit: a job is planned whole or not at all
        return job

    def unfinished(self) -> list[JobStatus]:
        """The jobs with shards left to do, oldest first.

        A job that shares an item with a later one of the same kind and spec is left out: the later one has
        replaced it.
        """
        if not self.tables.count("jobs", f"state = {quote(PLANNED)}"):
            return []  # the usual case, without reading every shard
        columns = [name for name in self.tables.schema("jobs").names if name != "items"]  # can be millions
        jobs: dict[str, list[dict[str, Any]]] = {}
        for row in self.tables.read("jobs", columns).to_pylist():
            jobs.setdefault(row["job_id"], []).append(row)
        left = [rows for rows in jobs.values() if any(row["state"] == PLANNED for row in rows)]
        found = [_status(rows) for rows in left if not self._replaced(rows, jobs.values())]
        return sorted(found, key=lambda status: (status.updated, status.job_id))

    def _replaced(
        self, rows: Sequence[Mapping[str, Any]], jobs: Iterable[Sequence[Mapping[str, Any]]]
    ) -> bool:
        """Whether one of `jobs` was planned after the job of `rows` and shares an item with it."""
        later = [other[0]["job_id"] for other in jobs if _later(other, rows)]
        ours = self._items(rows[0]["job_id"]) if later else None
        return any(pc.any(pc.is_in(self._items(other), ours)).as_py() for other in later)

    def _items(self, job_id: str) -> pa.Array:
        """All items of a job."""
        lists = self.tables.read("jobs", ["items"], f"job_id = {quote(job_id)}")["items"]
        return pc.list_flatten(lists).combine_chunks()


def _later(other: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the job of `other` has the kind and spec of the job of `rows` and was planned after it."""
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
