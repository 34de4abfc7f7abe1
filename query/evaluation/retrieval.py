"""Labelled retrieval: do the images nearest to an image have its artist, style or genre?

Every image with a label is a query among the other labelled images; what it should find are those with the
same label. Both sides are real images, so a mapper's h maps both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...store.columns import utc_now
from ...store.jobs import Step
from ...store.lookup import quote
from ...store.retries import with_retries
from ...store.row_digests import vector_digests
from ..features import Pinned, is_among
from ..search.pool import Pool
from ..search.space import SearchSpace
from .labelled import Labelled, read_labelled
from .runs import pairs_of_names

if TYPE_CHECKING:
    from ...store import Store

DEPTHS = (1, 5, 10, 100)
"""The K of mAP@K."""

TOGETHER = 256
"""Queries compared with all candidates at once."""

COMMITTED = 4096
"""Queries in one commit."""


def retrieve_by_label(
    store: Store,
    label: str,
    encoder: str | None = None,
    mapper: str | None = None,
    *,
    query_collection: str | None = None,
    gallery: str | None = None,
    force: bool = False,
) -> Iterator[Step]:
    """Write the average precision of every labelled query image to `retrievals`.

    AP@K = sum over i <= K of precision(i) * relevant(i) / min(R, K), where R candidates have the query's
    label; images of which there is no other are no queries. An image is no candidate of its own query.
    Images are ranked by exact cosine; ties by image id. Committed in parts: after a stop the same call goes
    on. Yields nothing where vectors, labels and collections are those of the last run.

    Args:
        store: the store.
        label: `creator` (or `artist`), `category`, `license`, or a field of the metadata, such as `style`.
        encoder: only this one.
        mapper: only this one, or `none` for raw features.
        query_collection: whose images are queries; all when left out.
        gallery: the collection that is searched; all when left out.
        force: compute again even where nothing changed.

    Raises:
        NotFoundError: no such encoder, mapper or collection, or no label with two images.
        UnknownFieldError: no image has the label.
        ConflictError: vectors that a mapper has not mapped.
    """
    pinned = Pinned.now(store)
    for name, by in pairs_of_names(pinned, encoder, mapper):
        space = SearchSpace.open(pinned, name, by)
        labelled = read_labelled(space, label, query_collection, gallery)
        run = _Run(store, space, labelled, query_collection, gallery)
        yield from run.steps(force)


def average_precisions(hits: NDArray[np.bool_], relevant: NDArray[np.int64]) -> NDArray[np.float64]:
    """AP at each of DEPTHS: (queries, len(DEPTHS)).

    Args:
        hits: (queries, n) whether the i-th nearest candidate is relevant, n at most the largest depth.
        relevant: (queries,) how many candidates are, at least 1.
    """
    places = np.arange(1, hits.shape[1] + 1)
    gains = np.cumsum(np.cumsum(hits, axis=1) / places * hits, axis=1)
    last = [min(depth, hits.shape[1]) - 1 for depth in DEPTHS]
    found: NDArray[np.float64] = gains[:, last] / np.minimum(relevant[:, None], np.array(DEPTHS))
    return found


class _Run:
    """One label, encoder, mapper and pair of collections."""

    def __init__(
        self,
        store: Store,
        space: SearchSpace,
        labelled: Labelled,
        query_collection: str | None,
        gallery: str | None,
    ) -> None:
        self._store, self._space, self._labelled = store, space, labelled
        relevant = labelled.relevant()
        self._queries = np.flatnonzero(labelled.query & (relevant > 0))
        self._relevant = relevant[self._queries]
        self._about = {
            "encoder": space.encoder,
            "mapper": space.mapper,
            "label": labelled.label,
            "query_collection": query_collection,
            "gallery": gallery,
        }
        self._run_id = self._digest()
        self._code_of_row = np.full(len(space), -1, np.int64)
        self._code_of_row[labelled.rows] = labelled.codes
        mask = np.zeros(len(space), bool)
        mask[labelled.rows[labelled.candidate]] = True
        self._pool = Pool(mask, int(mask.sum()), labelled.without_vector, "labelled")

    def steps(self, force: bool) -> Iterator[Step]:
        """Compute and commit what is not there, then drop what this run supersedes."""
        mine = f"run_id = '{self._run_id}'"
        stored = self._store.read("retrievals", ["image_id"], mine)["image_id"].to_pylist()
        ids = self._space.ids.take(pa.array(self._labelled.rows[self._queries])).to_pylist()
        done = set() if force else set(stored)
        left = np.array([at for at, image in enumerate(ids) if image not in done], np.int64)
        if not len(left):
            return
        note = " ".join(str(self._about[name]) for name in ("encoder", "mapper", "label"))
        yield Step("retrieval", len(ids) - len(left), len(ids), note)
        created = utc_now()
        for start in range(0, len(left), COMMITTED):
            some = left[start : start + COMMITTED]
            parts = []
            for at in range(0, len(some), TOGETHER):
                parts.append(self._precisions(some[at : at + TOGETHER]))
                yield Step("retrieval", len(ids) - len(left) + start + at, len(ids), note)
            rows = self._rows([ids[at] for at in some], some, np.concatenate(parts), created)
            self._store.upsert("retrievals", rows, update=True)
        self._drop_superseded()
        yield Step("retrieval", len(ids), len(ids), note)

    def _precisions(self, some: NDArray[np.int64]) -> NDArray[np.float64]:
        """(some, len(DEPTHS)) of queries by place."""
        own = self._labelled.rows[self._queries[some]]
        depth = max(DEPTHS) + 1  # the query itself may be among them
        found = self._space.search(self._space.unit_rows(own), depth, self._pool, method="exact").rows
        others = (found >= 0) & (found != own[:, None])
        order = np.argsort(~others, axis=1, kind="stable")  # the query itself goes last
        kept = np.take_along_axis(others, order, 1)[:, : max(DEPTHS)]
        rows = np.take_along_axis(found, order, 1)[:, : max(DEPTHS)]
        hits = kept & (self._code_of_row[rows] == self._code_of_row[own][:, None])
        return average_precisions(hits, self._relevant[some])

    def _rows(
        self,
        images: list[str],
        places: NDArray[np.int64],
        precisions: NDArray[np.float64],
        created: datetime,
    ) -> list[dict[str, Any]]:
        labelled, queries = self._labelled, self._queries
        return [
            self._about
            | {
                "run_id": self._run_id,
                "image_id": image,
                "value": labelled.values[int(labelled.codes[queries[at]])],
                "queries": len(queries),
                "relevant": int(self._relevant[at]),
                "candidates": int(labelled.candidate.sum() - labelled.candidate[queries[at]]),
                **{f"ap_{depth}": float(one) for depth, one in zip(DEPTHS, found, strict=True)},
                "created": created,
            }
            for image, at, found in zip(images, places.tolist(), precisions, strict=True)
        ]

    def _digest(self) -> str:
        """The id of the run: of its images with their labels, vectors and sides."""
        space, labelled = self._space, self._labelled
        ids = space.ids.take(pa.array(labelled.rows)).to_pylist()
        values = [labelled.values[code] for code in labelled.codes.tolist()]
        sides = zip(ids, values, labelled.query.tolist(), labelled.candidate.tolist(), strict=True)
        chosen = is_among(space.item_ids, pa.array(ids, pa.string()))
        fragments = space.dataset.get_fragments()
        vectors = sum(vector_digests(space.dataset, fragments, space.column, chosen)) % (1 << 128)
        plain = json.dumps([self._about, sorted(sides), vectors])
        return hashlib.sha256(plain.encode()).hexdigest()

    def _drop_superseded(self) -> None:
        """Delete the rows of earlier runs of the same features, label and collections."""
        same = " and ".join(
            f"{name} is null" if value is None else f"{name} = {quote(value)}"
            for name, value in self._about.items()
        )
        where = f"{same} and run_id <> '{self._run_id}'"
        with_retries("deleting from retrievals", lambda: self._store.dataset("retrievals").delete(where))
