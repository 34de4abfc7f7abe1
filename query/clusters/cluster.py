"""`attribase cluster`: the images of a store compared with each other, and the clusters of copies written."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from ...store import ConflictError, InvalidInputError, Step, Store
from ...store.columns import utc_now
from ...store.ids import vectors_table
from ...store.jobs import Job, Shard
from ...store.row_digests import vector_digests
from ...version import __version__
from ..features import Pinned
from ..search import SearchSpace
from ..search.topk import Floats, Positions
from .hashes import Hashes, HashLikeness, hash_images, link_hashes
from .links import Links, join_links, link_all
from .partitions import partition_space
from .settings import ClusterSettings, complete_settings
from .stored_runs import KIND, StoredRuns
from .works import Cluster, Likeness, VectorLikeness, find_clusters

SHARD = 16
"""Partitions whose links are committed together."""

ROWS_WRITTEN = 100_000
"""Members of clusters in one commit."""


@dataclass(frozen=True)
class Compared:
    """What is compared: `ids` (n,) of the images, their `digest`, and how similar they are."""

    ids: pa.Array
    digest: str
    likeness: Likeness


def cluster_images(
    store: Store, settings: ClusterSettings | None = None, *, force: bool = False
) -> Iterator[Step]:
    """Write the clusters of copies among all images of a store to `cluster_runs` and `cluster_members`.

    Vectors are compared in partitions that overlap (partitions.py); the links of some partitions are
    committed together, so the same call after a stop goes on with the others. Yields nothing where the
    clusters of these settings and vectors are there, and are the newest. Runs at once do not harm each other:
    links are only added, and one whose links are deleted, as superseded, ends with an error.

    Raises:
        InvalidInputError: settings out of range.
        NotFoundError: no such encoder or mapper, or no vectors.
        ConflictError: no images to compare, a mapper that has not mapped them all, or links that went.
    """
    pinned = Pinned.now(store)
    settings = complete_settings(pinned, settings or ClusterSettings())
    if settings.method == "phash":
        yield from hash_images(store)
        pinned = Pinned.now(store)
        compared, space = _read_hashes(pinned), None
    else:
        space = SearchSpace.open(pinned, settings.encoder or "", settings.mapper or "")
        compared = _read_space(space)
    if not len(compared.ids):
        raise ConflictError(
            "there are no images to compare",
            hint="attribase -s STORE ingest images FOLDER --collection gallery",
        )
    run = _Run(store, pinned, settings, compared)
    if not force and run.stored.is_newest():
        return
    yield from run.steps(space, anew=force or not run.stored.has_all_links())


def _read_space(space: SearchSpace) -> Compared:
    chosen = space.rows.is_image
    fragments = space.dataset.get_fragments()
    digest = sum(vector_digests(space.dataset, fragments, space.column, chosen)) % (1 << 128)
    return Compared(space.ids, f"{digest:032x}", VectorLikeness(space.unit_rows))


def _read_hashes(pinned: Pinned) -> Compared:
    hashes = Hashes.read(pinned.read("image_hashes", ["image_id", "hash"]))
    digest = sha256("".join(hashes.ids.to_pylist()).encode() + hashes.values.tobytes())
    return Compared(hashes.ids, digest.hexdigest()[:32], HashLikeness(hashes.values))


class _Run:
    """The clusters of one store by one choice of settings."""

    def __init__(self, store: Store, pinned: Pinned, settings: ClusterSettings, compared: Compared) -> None:
        self._store, self._pinned = store, pinned
        self._settings, self._compared = settings, compared
        self.stored = StoredRuns(store, settings, compared.digest)

    def steps(self, space: SearchSpace | None, *, anew: bool) -> Iterator[Step]:
        """Link, find the clusters, write them, and drop what this run supersedes.

        `anew`: compare again what was compared before.
        """
        started, clock = utc_now(), time.perf_counter()
        recall: float | None = 1.0
        likeness = self._compared.likeness
        made = None if anew else self.stored.run_with_links()
        if space is None:
            links, likeness = self._link_hashes()
            yield Step("compare", 1, 1, f"{len(links)} links")
        elif made is not None:
            links, recall = self._links_of(made), made["recall"]
            yield Step("compare", len(space), len(space), f"{len(links)} links of an earlier run")
        else:
            links, recall = yield from self._join(space, anew)
        count, least = len(self._compared.ids), self._settings.least_similarity
        clusters = list(find_clusters(links, count, likeness, least, self._settings.rule))
        yield from self._write(clusters)
        times = {"started": started, "seconds": time.perf_counter() - clock}
        about = self._summary(clusters, {"recall": recall, "links": 0 if space is None else len(links)})
        self._store.upsert("cluster_runs", [about | times], update=True)
        self.stored.drop_superseded(started)

    def _join(self, space: SearchSpace, anew: bool) -> Generator[Step, None, tuple[Links, float | None]]:
        """The links, committed, of all partitions, and the share of links that partitions keep."""
        threshold = self._settings.least_similarity
        total = len(space)
        yield Step("compare", 0, total, "finding partitions")
        partitions = partition_space(space, threshold)
        names = [str(place) for place in range(len(partitions.rows))]
        heads = (self._compared.digest, f"partitions {partitions.digest(self._compared.ids)}")
        job = self._store.jobs.plan(KIND, self._settings.links, [*heads, *names], SHARD)
        shards = [
            (shard, [int(name) for name in shard.items if name not in heads])
            for shard in (job.shards() if anew else job.pending())
        ]
        sizes = np.array([len(rows) for rows in partitions.rows])
        done = int(sizes.sum()) - sum(int(sizes[places].sum()) for _, places in shards)
        found: list[Links] = []
        for shard, places in shards:
            parts = []
            for place in places:
                rows = partitions.rows[place]
                parts.append(link_all(space.unit_rows, rows, threshold))
                done += len(rows)
                note = f"{len(partitions.rows)} partitions"
                yield Step("compare", min(total, done // partitions.places), total, note)
            found.append(join_links(parts))
            self.stored.add_links(self._compared.ids, found[-1], update=anew)
            self._finish(job, shard)
        if anew:
            links = join_links(found)
            self.stored.keep_only(self._compared.ids, links)
        else:
            links = self.stored.read_links(self._compared.ids)
            if job.done_items < job.total_items:
                raise _superseded()
        return links, partitions.recall

    def _links_of(self, run: Mapping[str, Any]) -> Links:
        """The links of another run, of the other rule. Raises ConflictError where they went meanwhile."""
        links = self.stored.read_links(self._compared.ids)
        if len(links) != run["links"]:
            raise _superseded()
        return links

    def _finish(self, job: Job, shard: Shard) -> None:
        """Mark a shard as done. Raises ConflictError where the job was deleted: then its links go too."""
        try:
            job.finish(shard)
        except InvalidInputError as error:
            self.stored.forget_links()
            raise _superseded() from error

    def _link_hashes(self) -> tuple[Links, Likeness]:
        """The links of hashes, confirmed by the encoder if one is named, and the likeness behind them."""
        likeness = self._compared.likeness
        assert isinstance(likeness, HashLikeness)
        links = link_hashes(likeness.values, self._settings.bits or 0)
        if self._settings.encoder is None:
            return links, likeness
        return self._confirm(links)

    def _confirm(self, links: Links) -> tuple[Links, Likeness]:
        """The links whose images have vectors with a cosine of the threshold or more."""
        space = SearchSpace.open(self._pinned, self._settings.encoder or "", self._settings.mapper or "")
        places = space.rows.image_rows(self._compared.ids.to_pylist())
        known = (places[links.first] >= 0) & (places[links.second] >= 0)
        first, second = links.first[known], links.second[known]
        cosines = _cosines(space, places[first], places[second])
        kept = cosines >= self._settings.least_similarity
        by_vectors = VectorLikeness(lambda rows: space.unit_rows(places[rows]))
        return Links(first[kept], second[kept], cosines[kept]), by_vectors

    def _write(self, clusters: Sequence[Cluster]) -> Iterator[Step]:
        """Commit the members of the clusters."""
        rows = [one.rows for one in clusters]
        sizes = np.array([len(one) for one in rows], np.int32)
        total = int(sizes.sum())
        ids = self._compared.ids.take(pa.array(np.concatenate(rows) if rows else np.zeros(0, np.int64)))
        heads = self._compared.ids.take(pa.array(np.array([one[0] for one in rows], np.int64)))
        table = pa.table(
            {
                "run_id": pa.repeat(self.stored.run_id, total),
                "image_id": ids,
                "cluster_id": heads.take(pa.array(np.repeat(np.arange(len(rows)), sizes))),
                "similarity": pa.array(
                    np.concatenate([one.similarity for one in clusters]) if rows else [], pa.float32()
                ),
                "size": pa.array(np.repeat(sizes, sizes), pa.int32()),
            }
        )
        yield from self._write_members(table)
        if not self.stored.has_members(total):  # others, of an earlier version
            self.stored.delete_members()
            yield from self._write_members(table)

    def _write_members(self, table: pa.Table) -> Iterator[Step]:
        for start in range(0, len(table), ROWS_WRITTEN):
            some = table.slice(start, ROWS_WRITTEN)
            self._store.upsert("cluster_members", some, update=True)
            yield Step("write", start + len(some), len(table))

    def _summary(self, clusters: Sequence[Cluster], about_links: dict[str, Any]) -> dict[str, Any]:
        """The row of `cluster_runs`, without times; `about_links` is part of it."""
        sizes = [len(one.rows) for one in clusters]
        floor = np.float32(self._settings.least_similarity) - np.float32(1e-5)  # of float32 sums
        chained = sum(int(np.count_nonzero(one.similarity < floor)) for one in clusters)
        return {
            **vars(self._settings),
            "run_id": self.stored.run_id,
            "images": len(self._compared.ids),
            "linked": sum(sizes),
            "clusters": len(sizes),
            "largest": max(sizes, default=0),
            "chained": chained,
            **about_links,
            "digest": self._compared.digest,
            "table_versions": json.dumps(self._versions(), sort_keys=True),
            "code_version": __version__,
        }

    def _versions(self) -> dict[str, int]:
        encoder = self._settings.encoder
        tables = ["images", *(["image_hashes"] if self._settings.method == "phash" else [])]
        tables += [vectors_table(encoder)] if encoder else []
        return {table: self._pinned.versions[table] for table in tables}


def _superseded() -> ConflictError:
    """For a run whose links were deleted while it read or wrote them."""
    return ConflictError(
        "another run deleted the links of this one: it compares newer images, or the same ones again",
        hint="run attribase cluster again",
    )


def _cosines(space: SearchSpace, first: Positions, second: Positions) -> Floats:
    """(n,) the cosines of pairs of rows."""
    step = 4096
    parts = [
        np.einsum("ij,ij->i", space.unit_rows(first[at : at + step]), space.unit_rows(second[at : at + step]))
        for at in range(0, len(first), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
