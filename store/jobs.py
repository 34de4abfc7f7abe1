"""Jobs: what is to be done, cut into shards, each committed exactly once.

A worker writes a shard's rows first (their ids are deterministic, so writing twice changes nothing) and
marks the shard done after. A kill in between repeats one shard and leaves the same tables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from .errors import InvalidInputError
from .ids import canonical_json, key_id
from .lookup import quote

if TYPE_CHECKING:
    from .store import Store

PLANNED = "planned"
DONE = "done"


@dataclass(frozen=True)
class Shard:
    """The unit of work: `items` are committed together."""

    job_id: str
    index: int
    items: tuple[str, ...]


@dataclass(frozen=True)
class JobStatus:
    """How far a job is, in items."""

    job_id: str
    kind: str
    spec: Mapping[str, Any]
    total_items: int
    done_items: int
    updated: datetime


@dataclass
class Job:
    """A planned job. `done_items` counts what is committed, other processes' shards included, when read."""

    job_id: str
    kind: str
    total_items: int
    store: "Store" = field(repr=False)

    def pending(self) -> list[Shard]:
        """The shards that are not done, in order."""
        where = f"job_id = {quote(self.job_id)} AND state = '{PLANNED}'"
        rows = self.store.read("jobs", ["shard", "items"], where).sort_by("shard").to_pylist()
        return [Shard(self.job_id, row["shard"], tuple(row["items"])) for row in rows]

    def finish(self, shard: Shard) -> None:
        """Say that the rows of `shard` are committed. Saying it twice changes nothing."""
        where = f"job_id = {quote(shard.job_id)} AND shard = {shard.index}"
        row = self.store.read("jobs", where=where).to_pylist()
        if not row or shard.job_id != self.job_id:
            raise InvalidInputError(
                f"job {self.job_id} has no shard {shard.index}", hint="plan the job again"
            )
        if row[0]["state"] != DONE:
            self.store.upsert("jobs", [{**row[0], "state": DONE, "updated": now()}], update=True)

    @property
    def done_items(self) -> int:
        """How many items are committed."""
        where = f"job_id = {quote(self.job_id)} AND state = '{DONE}'"
        return int(pc.sum(self.store.read("jobs", ["count"], where)["count"]).as_py() or 0)


@dataclass(frozen=True)
class Jobs:
    """The jobs of one store."""

    store: "Store" = field(repr=False)

    def plan(self, kind: str, spec: Mapping[str, Any], items: Sequence[str], shard_size: int) -> Job:
        """The job that does `items` as `spec` says; the same arguments give the same job, as far as it is.

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
        common = {"job_id": job.job_id, "kind": kind, "spec": canonical_json(spec), "state": PLANNED}
        cuts = [distinct[start : start + shard_size] for start in range(0, len(distinct), shard_size)]
        known = self.store.existing("jobs", [job.job_id])
        if cuts and not known:  # one commit: a job is planned whole or not at all
            at = now()
            self.store.upsert(
                "jobs",
                [
                    {**common, "shard": index, "items": cut, "count": len(cut), "updated": at}
                    for index, cut in enumerate(cuts)
                ],
            )
        return job

    def unfinished(self) -> list[JobStatus]:
        """The jobs with shards left to do, oldest first."""
        columns = ["job_id", "kind", "spec", "count", "state", "updated"]
        jobs: dict[str, list[dict[str, Any]]] = {}
        for row in self.store.read("jobs", columns).to_pylist():
            jobs.setdefault(row["job_id"], []).append(row)
        found = [_status(rows) for rows in jobs.values() if any(row["state"] == PLANNED for row in rows)]
        return sorted(found, key=lambda status: (status.updated, status.job_id))


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
