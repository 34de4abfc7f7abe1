"""Retrieval for many questions through the partitions of an index, whose images are compared as stored."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..search.above_line import PROBED
from ..search.index import MIN_ANSWERS
from ..search.partitions import PartitionScan, SpacePartitions
from ..search.topk import Floats
from .kept_images import KeptImages
from .retrieval import RankedImages, RetrievalTask, measure_coverage
from .retrieval_index import NEGLIGIBLE
from .retrieval_scan import KEPT_ROWS, SCANNED_TOGETHER, retrieve_in_one_scan

WIDER = 2
"""How many times as many partitions are compared as one question's search takes. Measured at 1,000,000, where
that takes 32 of 1024: 64 hold 0.99996 of the images with influence of 300 samples, and on average 0.99986 of
the influence, 32 hold 0.9995 of it."""

LISTED_FAR = 0.01
"""The most of the images listed that may be of the farther half of the partitions."""


def retrieve_through_partitions(
    task: RetrievalTask, partitions: SpacePartitions, vectors: Floats
) -> Iterator[RankedImages]:
    """The answers to the questions (questions, dim) of a task that `keeps_few`.

    Each question is compared with all images of the partitions that are nearest to it. Where the farther half
    of these has an influence that is not negligible, or one of the images listed, others may have some too:
    such a question is compared with all images.
    """
    for start in range(0, len(vectors), SCANNED_TOGETHER):
        yield from _scan_together(task, partitions, vectors[start : start + SCANNED_TOGETHER])


def _scan_together(
    task: RetrievalTask, partitions: SpacePartitions, queries: Floats
) -> Iterator[RankedImages]:
    scan = PartitionScan(task.space, partitions, task.pool, queries, _probes(task))
    kept = KeptImages(task, len(queries))
    for found in scan.blocks(lambda: kept.floors):
        kept.keep(*found)
        if kept.size > KEPT_ROWS:
            break
    else:
        ranked = _rank(task, scan, kept)
        settled = {at for at, one in ranked.items() if _settled(one, at, scan)}
        doubtful = [at for at in range(len(queries)) if at not in settled]
        if doubtful:
            ranked |= zip(doubtful, retrieve_in_one_scan(task, queries[doubtful]), strict=True)
        task.space.rows.read_ids(np.concatenate([one.rows for one in ranked.values()]))
        for at in range(len(queries)):
            yield ranked.pop(at)
        return
    half = len(queries) // 2
    if not half:
        yield from retrieve_in_one_scan(task, queries)
        return
    yield from _scan_together(task, partitions, queries[:half])
    yield from _scan_together(task, partitions, queries[half:])


def _probes(task: RetrievalTask) -> int:
    """How many partitions each question is compared with."""
    assert task.space.index is not None  # uses_index
    share = task.pool.size / max(len(task.space), 1)
    return WIDER * PROBED * task.space.index.effort(MIN_ANSWERS, share).nprobes


def _rank(task: RetrievalTask, scan: PartitionScan, kept: KeptImages) -> dict[int, RankedImages]:
    """The answers by question, of those that were compared with as many images as are listed."""
    assert task.space.index is not None  # uses_index
    depth = min(task.request.k, task.pool.size)
    recall = task.space.index.recall(depth)
    asked = np.flatnonzero(scan.searched >= depth).tolist()
    coverage = [
        measure_coverage(task.pool, "index", int(scan.searched[at]), True, 0.0, recall) for at in asked
    ]
    return dict(zip(asked, kept.rank(scan.queries, asked, coverage), strict=True))


def _settled(ranked: RankedImages, at: int, scan: PartitionScan) -> bool:
    """Whether so little of the answer is of far partitions that others are not expected to have a part."""
    if scan.is_whole:
        return True
    influence = ranked.candidates.influence
    assert influence is not None  # keeps_few
    far = float(influence[scan.are_far(at, ranked.candidates.rows)].sum())
    return far <= NEGLIGIBLE and float(np.mean(scan.are_far(at, ranked.rows))) <= LISTED_FAR
