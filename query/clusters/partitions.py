"""Which images are compared with which: each is put into the partitions around the centres nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..search import Pool, SearchSpace
from ..search.centroids import train_centroids
from ..search.index_build import partitions_for
from ..search.topk import Floats, Positions

COMPARE_ALL = 32_768
"""So many images, or fewer, are one partition: all are compared with all, and no link is missed."""

MOST_PLACES = 8
"""Partitions that an image is put into at most."""

SAMPLED = 1024
"""Images that are compared with all, to measure the share of links that partitions keep."""

TARGET = 0.99
"""Share of links to keep: images are put into more partitions until it is reached."""

HASHED_IDS = 65_536
"""Ids in memory at once as a digest is taken."""

BLOCK = 4096
"""Images assigned at once: with the centres and the sampled ones of a million, 32 MB of similarities."""


@dataclass(frozen=True)
class Partitions:
    """The partitions of a space.

    Attributes:
        rows: the rows of each, which overlap.
        recall: the share of the links of sampled images whose two ends share a partition; 1 where all are
            compared, None where no sampled image has a link.
        places: how many partitions an image is in.
    """

    rows: tuple[Positions, ...]
    recall: float | None
    places: int

    def digest(self, ids: pa.Array) -> str:
        """Of which images share a partition, by the `ids` (n,) of all rows.

        Another order of the vectors, or sums of another processor, can move an image to another partition.
        """
        found = sha256()
        for start in range(0, len(ids), HASHED_IDS):
            found.update("\n".join(ids.slice(start, HASHED_IDS).to_pylist()).encode())
        for rows in self.rows:
            found.update(np.int64(len(rows)).tobytes() + rows.astype(np.int64).tobytes())
        return found.hexdigest()[:32]


def whole_pool(space: SearchSpace) -> Pool:
    """Every image of the space."""
    return Pool(np.ones(len(space), bool), len(space), 0, "images")


def partition_space(space: SearchSpace, threshold: float) -> Partitions:
    """Partitions that keep at least TARGET of the links between images with a cosine of `threshold` or more.

    The vectors are read once to train the centres and once to assign them. The same vectors give the same
    partitions.
    """
    if len(space) <= COMPARE_ALL:
        return Partitions((np.arange(len(space)),), 1.0, 1)
    centres = train_centroids(space, partitions_for(len(space)))
    sampled = np.sort(np.random.default_rng(1).choice(len(space), SAMPLED, replace=False))
    queries = np.concatenate([centres, space.unit_rows(sampled)])
    most = min(MOST_PLACES, len(centres))
    nearest = np.empty((len(space), most), np.int16 if len(centres) < 1 << 15 else np.int32)
    pairs: list[tuple[Positions, Positions]] = []
    for rows, similarities in space.scan(queries, whole_pool(space), block=BLOCK):
        nearest[rows] = _largest(similarities[: len(centres)], most)
        at, column = np.nonzero(similarities[len(centres) :] >= threshold)
        apart = sampled[at] != rows[column]
        pairs.append((sampled[at[apart]], rows[column[apart]]))
    first, second = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    recalls = _recalls(nearest, first, second)
    enough = [count for count, recall in enumerate(recalls, 1) if recall is None or recall >= TARGET]
    places = max(2, enough[0] if enough else most)
    return Partitions(_members(nearest[:, :places], len(centres)), recalls[places - 1], places)


def _largest(similarities: Floats, count: int) -> NDArray[np.int64]:
    """(n, count) the centres most similar to each image, best first, of (centres, n) similarities."""
    some = np.argpartition(-similarities, count - 1, axis=0)[:count]
    order = np.argsort(-np.take_along_axis(similarities, some, 0), axis=0, kind="stable")
    found: NDArray[np.int64] = np.take_along_axis(some, order, 0).T
    return found


def _recalls(nearest: NDArray[np.integer], first: Positions, second: Positions) -> list[float | None]:
    """For 1, 2, ... places the share of the pairs (n,) that share a partition; None without a pair."""
    shared, recalls = np.zeros(len(first), bool), []
    for places in range(1, nearest.shape[1] + 1):
        for other in range(places):
            shared |= nearest[first, places - 1] == nearest[second, other]
            shared |= nearest[second, places - 1] == nearest[first, other]
        recalls.append(float(shared.mean()) if len(first) else None)
    return recalls


def _members(nearest: NDArray[np.integer], count: int) -> tuple[Positions, ...]:
    """The rows of each of `count` partitions, rising, of (rows, places) partitions by row."""
    partition = nearest.ravel()
    order = np.argsort(partition, kind="stable")
    starts = np.searchsorted(partition[order], np.arange(1, count))
    return tuple(rows // nearest.shape[1] for rows in np.split(order, starts))
