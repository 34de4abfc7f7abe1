"""Retrieval for many questions in one scan: only images that are listed or have influence are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import PaperLaw
from ..search.topk import Floats, Positions, exact_similarities, top_k_candidates
from .influence import influence_shares
from .retrieval import (
    RankedImages,
    RetrievalTask,
    measure_coverage,
    rank_images,
    retrieve_exactly,
)

SCANNED_TOGETHER = 1024
"""Questions of one scan."""

SCANNED_ROWS = 4096
"""Images of a block: with SCANNED_TOGETHER questions its similarities take 16 MB."""

KEPT_ROWS = 6_000_000
"""Images kept of all questions of a scan, 20 bytes each; where these have more, fewer questions share one."""


def keeps_few(task: RetrievalTask) -> bool:
    """Whether `retrieve_in_one_scan` can answer: images below a similarity have no influence."""
    law = task.calibration
    return isinstance(law, PaperLaw) and not law.endless and not task.groups


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
    kept = _KeptImages(task, len(queries), lines)
    for rows, similarities in task.space.scan(queries, task.pool, block=SCANNED_ROWS):
        kept.push(rows, similarities)
        if kept.size > KEPT_ROWS:
            break
    else:
        yield from kept.rank(queries)
        return
    half = len(queries) // 2
    if not half:
        yield from retrieve_exactly(task, queries, lines)
        return
    yield from _scan_together(task, queries[:half], None if lines is None else lines[:half])
    yield from _scan_together(task, queries[half:], None if lines is None else lines[half:])


@dataclass
class _KeptImages:
    """Of all similarities pushed those that may be among the k largest, or have influence.

    `lines`: (questions,) the similarity from which on images are in the set of each.
    """

    task: RetrievalTask
    questions: int
    lines: NDArray[np.float64] | None
    size: int = 0
    _kept: list[tuple[Positions, Positions, Floats]] = field(
        default_factory=list
    )  # question, row, similarity
    _pruned: int = 0

    def __post_init__(self) -> None:
        law = self.task.calibration
        assert isinstance(law, PaperLaw)  # keeps_few
        self._depth = min(self.task.request.k, self.task.pool.size)
        self._fall = np.float32(-law.cutoff(0.0)) + self.task.space.margin  # from the best to the cutoff
        self._floor = np.full(self.questions, -np.inf, np.float32)
        self._in_set = np.zeros(self.questions, np.int64)

    def push(self, rows: Positions, similarities: Floats) -> None:
        """Similarities (questions, n) of the rows (n,)."""
        if self.lines is not None:
            self._in_set += (similarities >= self.lines[:, None]).sum(axis=1)
        if np.isneginf(self._floor).any() and len(rows) > self._depth:
            largest = np.partition(similarities, len(rows) - self._depth, axis=1)
            self._raise_floor(largest[:, len(rows) - self._depth], similarities.max(axis=1))
        question, column = np.nonzero(similarities >= self._floor[:, None])
        self._kept.append((question, rows[column], similarities[question, column]))
        self.size += len(question)
        if self.size > 2 * self._pruned + 16 * self.questions * self._depth:
            self._prune()

    def rank(self, queries: Floats) -> Iterator[RankedImages]:
        """The answer of each question (questions, dim)."""
        task, law = self.task, self.task.calibration
        coverage = measure_coverage(task.pool, "exact", task.pool.size, True, 0.0)
        self._prune()
        ((question, rows, values),) = self._kept
        order = np.lexsort((rows, question))  # in the order of `retrieve_exactly`, whose sums these are
        question, rows, values = question[order], rows[order], values[order]
        ends = np.searchsorted(question, np.arange(1, self.questions))
        rows_of, found = np.split(rows, ends), np.split(values, ends)
        near = [top_k_candidates(some, self._depth, task.space.margin) for some in found]
        asked = [mine[some] for mine, some in zip(rows_of, near, strict=True)]
        exact = exact_similarities(task.space.unit_rows, queries, asked)
        for at, (rising, similarities) in enumerate(exact):
            mine, scanned = rows_of[at], found[at].copy()
            found[at][near[at]] = similarities[np.searchsorted(rising, asked[at])]
            shares = influence_shares(found[at], law.law(at, found[at])) if law else None
            ranked = rank_images(task, mine, found[at], shares, coverage)
            if self.lines is None:
                yield ranked
                continue
            line = self.lines[at]  # those compared exactly count by their exact similarity
            changed = np.count_nonzero(found[at] >= line) - np.count_nonzero(scanned >= line)
            yield replace(ranked, in_set=int(self._in_set[at] + changed))

    def _raise_floor(self, kth: Floats, best: Floats) -> None:
        self._floor = np.maximum(self._floor, np.minimum(kth - self.task.space.margin, best - self._fall))

    def _prune(self) -> None:
        """Raise the floors by what was pushed so far, and drop what is below."""
        question, rows, values = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        order = np.lexsort((-values, question))
        question, rows, values = question[order], rows[order], values[order]
        starts = np.searchsorted(question, np.arange(self.questions))
        counts = np.diff(np.append(starts, len(question)))
        if (counts >= self._depth).all():
            self._raise_floor(values[starts + self._depth - 1], values[starts])
        kept = values >= self._floor[question]
        self._kept = [(question[kept], rows[kept], values[kept])]
        self.size = self._pruned = int(np.count_nonzero(kept))
