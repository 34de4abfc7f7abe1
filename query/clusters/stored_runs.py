"""The runs of a store: which is the newest, whether its rows are all there, and what later runs supersede."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...store import Store
from ...store.ids import canonical_json
from ...store.lookup import quote
from ...store.retries import with_retries
from ..key_index import IdPositions
from .links import Links, join_links
from .settings import ClusterSettings

KIND = "cluster"
"""Of the jobs that commit links."""


@dataclass(frozen=True)
class StoredRuns:
    """What is stored of the runs of one choice of settings, and of all others."""

    store: Store
    settings: ClusterSettings
    digest: str

    @property
    def run_id(self) -> str:
        """The id of the run of these settings over the images of this digest."""
        return self.settings.run_id(self.digest)

    @property
    def links_id(self) -> str:
        """The id of its links."""
        return self.settings.links_id(self.digest)

    def is_newest(self) -> bool:
        """Whether the clusters are written, all of them, and no later run has been.

        Rows go when their image is removed: an image that came back has none.
        """
        rows = self.store.read("cluster_runs").to_pylist()
        newest = min(rows, key=lambda row: (-row["started"].timestamp(), row["run_id"]), default=None)
        if newest is None or newest["run_id"] != self.run_id:
            return False
        return self.has_members(newest["linked"])

    def has_members(self, count: int) -> bool:
        """Whether the clusters of this run have so many images."""
        return bool(self.store.count("cluster_members", f"run_id = {quote(self.run_id)}") == count)

    def has_all_links(self) -> bool:
        """Whether the links that an earlier run made, of this or another rule, are all there."""
        there = self._count_links()
        return all(there == row["links"] for row in self._runs_of_links())

    def run_with_links(self) -> dict[str, Any] | None:
        """A run, of this or another rule, whose links are those of this one and all there."""
        there = self._count_links()
        return next((row for row in self._runs_of_links() if row["links"] == there), None)

    def forget_links(self) -> None:
        """Delete the links, and before them what says which are made."""
        self._delete_links(self.settings, self.digest)

    def add_links(self, ids: pa.Array, links: Links, *, update: bool = False) -> None:
        """Write links between images by their `ids` (n,); `update`: also those that are there."""
        if not len(links):
            return
        first, second = (ids.take(pa.array(rows)) for rows in (links.first, links.second))
        rows = pa.table(
            {
                "links_id": pa.repeat(self.links_id, len(links)),
                "image_id": pc.min_element_wise(first, second),
                "other_id": pc.max_element_wise(first, second),
                "similarity": pa.array(links.similarity),
            }
        )
        self.store.upsert("cluster_links", rows, update=update)

    def read_links(self, ids: pa.Array) -> Links:
        """What is written, by the places of images in `ids` (n,)."""
        columns = ["image_id", "other_id", "similarity"]
        found = self.store.read("cluster_links", columns, f"links_id = {quote(self.links_id)}")
        rows = IdPositions(ids)
        first, second = (rows.positions(found[name].to_pylist()) for name in ("image_id", "other_id"))
        kept = (first >= 0) & (second >= 0)
        low, high = np.minimum(first, second)[kept], np.maximum(first, second)[kept]
        return join_links([Links(low, high, found["similarity"].to_numpy()[kept])])

    def keep_only(self, ids: pa.Array, links: Links) -> None:
        """Of the links that are written keep `links`, which all are: others are of an earlier version.

        What says which are made goes with them, so that a stop in between means to compare again.
        """
        if self._count_links() != len(links):
            self.forget_links()
            self.add_links(ids, links)

    def delete_members(self) -> None:
        """Delete the members of the clusters of this run."""
        self._delete("cluster_members", f"run_id = {quote(self.run_id)}")

    def drop_superseded(self, started: datetime) -> None:
        """Delete runs of the same settings over other images that began before `started`, and their links."""
        runs = self._runs()
        gone = [
            row
            for row in runs
            if row["run_id"] != self.run_id and row["started"] < started and _settings(row) == self.settings
        ]
        for row in gone:
            for table in ("cluster_members", "cluster_runs"):
                self._delete(table, f"run_id = {quote(row['run_id'])}")
        kept = {self.links_id} | {_links_id(row) for row in runs if row not in gone}
        for row in gone:
            if _links_id(row) not in kept:
                self._delete_links(_settings(row), row["digest"])

    def _count_links(self) -> int:
        return int(self.store.count("cluster_links", f"links_id = {quote(self.links_id)}"))

    def _runs_of_links(self) -> list[dict[str, Any]]:
        """The runs that have, or had, the links of this one."""
        return [row for row in self._runs() if _links_id(row) == self.links_id]

    def _runs(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.store.read("cluster_runs").to_pylist()
        return rows

    def _delete_links(self, settings: ClusterSettings, digest: str) -> None:
        jobs = self.store.read("jobs", ["job_id", "spec", "items"], f"kind = {quote(KIND)} and shard = 0")
        spec = json.loads(canonical_json(settings.links))
        for row in jobs.to_pylist():
            if row["items"][:1] == [digest] and json.loads(row["spec"]) == spec:
                self._delete("jobs", f"job_id = {quote(row['job_id'])}")
        self._delete("cluster_links", f"links_id = {quote(settings.links_id(digest))}")

    def _delete(self, table: str, where: str) -> None:
        with_retries(f"deleting from {table}", lambda: self.store.dataset(table).delete(where))


def _settings(row: dict[str, Any]) -> ClusterSettings:
    """The settings of a run."""
    return ClusterSettings(**{name: row[name] for name in ClusterSettings.__dataclass_fields__})


def _links_id(row: dict[str, Any]) -> str:
    """The id of the links that a run was made of."""
    return _settings(row).links_id(row["digest"])
