"""Of the similarities of many questions those of images that are listed or have influence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import PaperLaw
from ..search.topk import Floats, Positions, exact_similarities, top_k_candidates
from .influence import influence_shares
from .retrieval import RankedImages, RetrievalTask, SearchCoverage, rank_images

MOST_QUESTIONS = 1 << 16

PRUNED_AFTER = 1_500_000
"""Images kept since some were last dropped, at most."""

Kept: TypeAlias = tuple["NDArray[np.uint16]", "NDArray[np.int32]", Floats]
"""Question, row of the space and similarity of some images."""

NOTHING: Kept = (np.zeros(0, np.uint16), np.zeros(0, np.int32), np.zeros(0, np.float32))


def keeps_few(task: RetrievalTask) -> bool:
    """Whether few images are kept of each question: those below a similarity have no influence."""
    law = task.calibration
    return isinstance(law, PaperLaw) and not law.endless and not task.groups


@dataclass
class KeptImages:
    """Of all similarities given those that may be among the k largest, or have influence; 10 bytes each.

    Attributes:
        task: one that `keeps_few`.
        questions: how many, up to MOST_QUESTIONS.
        lines: (questions,) the similarity from which on images are in the set of each, or None.
        size: how many images are kept.
        floors: (questions,) float32, the similarity below which none is kept.
    """

    task: RetrievalTask
    questions: int
    lines: NDArray[np.float64] | None = None
    size: int = 0
    floors: Floats = field(init=False)
    _kept: list[Kept] = field(default_factory=lambda: [NOTHING])
    _pruned: int = 0

    def __post_init__(self) -> None:
        law = self.task.calibration
        assert isinstance(law, PaperLaw)  # keeps_few
        self._depth = min(self.task.request.k, self.task.pool.size)
        self._fall = np.float32(-law.cutoff(0.0)) + self.task.space.margin  # from the best to the cutoff
        self.floors = np.full(self.questions, -np.inf, np.float32)
        self._in_set = np.zeros(self.questions, np.int64)

    def push(self, rows: Positions, similarities: Floats) -> None:
        """Similarities (questions, n) of the rows (n,), which rise from call to call."""
        if self.lines is not None:
            self._in_set += (similarities >= self.lines[:, None]).sum(axis=1)
        if np.isneginf(self.floors).any() and len(rows) > self._depth:
            largest = np.partition(similarities, len(rows) - self._depth, axis=1)
            self._raise_floors(largest[:, len(rows) - self._depth], similarities.max(axis=1))
        found = np.flatnonzero(similarities >= self.floors[:, None])
        question, column = np.divmod(found, len(rows))
        self.keep(question.astype(np.uint16), rows[column].astype(np.int32), similarities.reshape(-1)[found])

    def keep(self, question: NDArray[np.uint16], rows: NDArray[np.int32], similarities: Floats) -> None:
        """Similarities (n,) of rows (n,) to questions (n,), none below its floor."""
        self._kept.append((question, rows, similarities))
        self.size += len(question)
        if self.size > 2 * self._pruned + min(16 * self.questions * self._depth, PRUNED_AFTER):
            self._prune()

    def rank(
        self, queries: Floats, asked: Sequence[int], coverage: Sequence[SearchCoverage]
    ) -> Iterator[RankedImages]:
        """The answers of those questions that are `asked`, which have kept images, and their coverage.

        `queries`: (questions, dim) of all.
        """
        if not len(asked):
            return
        task, law = self.task, self.task.calibration
        question, rows, values = self._prune()
        ends = np.cumsum(np.bincount(question, minlength=self.questions))[:-1]
        each = list(zip(np.split(rows, ends), np.split(values, ends), strict=True))
        rising = [np.argsort(each[at][0]) for at in asked]  # as in `retrieve_exactly`, whose sums these are
        rows_of = [each[at][0][order].astype(np.int64) for at, order in zip(asked, rising, strict=True)]
        found = [each[at][1][order] for at, order in zip(asked, rising, strict=True)]
        near = [top_k_candidates(some, self._depth, task.space.margin) for some in found]
        compared = [mine[some] for mine, some in zip(rows_of, near, strict=True)]
        exact = exact_similarities(task.space.unit_rows, queries[list(asked)], compared)
        for at, (_, similarities) in enumerate(exact):
            mine, scanned = found[at], found[at].copy()
            mine[near[at]] = similarities
            shares = influence_shares(mine, law.law(asked[at], mine)) if law else None
            ranked = rank_images(task, rows_of[at], mine, shares, coverage[at])
            if self.lines is not None:
                line = self.lines[asked[at]]  # those compared exactly count by their exact similarity
                changed = np.count_nonzero(mine >= line) - np.count_nonzero(scanned >= line)
                ranked = replace(ranked, in_set=int(self._in_set[asked[at]] + changed))
            yield ranked

    def _raise_floors(self, kth: Floats, best: Floats) -> None:
        self.floors = np.maximum(self.floors, np.minimum(kth - self.task.space.margin, best - self._fall))

    def _prune(self) -> Kept:
        """Raise the floors by what was given so far, and drop what is below. The rest, by question."""
        question, rows, values = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        self._kept = []
        order = np.argsort(question, kind="stable")
        question, rows, values = question[order], rows[order], values[order]
        kth, best = np.full((2, self.questions), -np.inf, np.float32)
        ends = np.cumsum(np.bincount(question, minlength=self.questions))
        for at, mine in enumerate(np.split(values, ends[:-1])):
            if len(mine) >= self._depth:
                kth[at] = np.partition(mine, len(mine) - self._depth)[len(mine) - self._depth]
                best[at] = mine.max()
        self._raise_floors(kth, best)
        kept = values >= self.floors[question]
        found = question[kept], rows[kept], values[kept]
        self._kept, self.size = [found], int(np.count_nonzero(kept))
        self._pruned = self.size
        return found
