"""Retrieval for many questions in one scan: only images that are listed or have influence are kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..search.topk import Floats
from .kept_images import KeptImages
from .retrieval import RankedImages, RetrievalTask, measure_coverage, retrieve_exactly

SCANNED_TOGETHER = 1024
"""Questions of one scan."""

SCANNED_ROWS = 4096
"""Images of a block: with SCANNED_TOGETHER questions its similarities take 16 MB."""

KEPT_ROWS = 6_000_000
"""Images kept of all questions of a scan, 10 bytes each; where these have more, fewer questions share one."""


def retrieve_in_one_scan(
    task: RetrievalTask, vectors: Floats, lines: NDArray[np.float64] | None = None
) -> Iterator[RankedImages]:
    """As `retrieve_exactly`, the same answers, for a task that `keeps_few`.

    The pool is read once for SCANNED_TOGETHER questions, and the similarities of all its images are never in
    memory. Where too many images have influence, for fewer.
    """
    for start in range(0, len(vectors), SCANNED_TOGETHER):
        mine = slice(start, start + SCANNED_TOGETHER)
        yield from _scan_together(task, vectors[mine], None if lines is None else lines[mine])


def _scan_together(
    task: RetrievalTask, queries: Floats, lines: NDArray[np.float64] | None
) -> Iterator[RankedImages]:
    kept = KeptImages(task, len(queries), lines)
    for rows, similarities in task.space.scan(queries, task.pool, block=SCANNED_ROWS):
        kept.push(rows, similarities)
        if kept.size > KEPT_ROWS:
            break
    else:
        coverage = measure_coverage(task.pool, "exact", task.pool.size, True, 0.0)
        yield from kept.rank(queries, range(len(queries)), [coverage] * len(queries))
        return
    half = len(queries) // 2
    if not half:
        yield from retrieve_exactly(task, queries, lines)
        return
    yield from _scan_together(task, queries[:half], None if lines is None else lines[:half])
    yield from _scan_together(task, queries[half:], None if lines is None else lines[half:])
