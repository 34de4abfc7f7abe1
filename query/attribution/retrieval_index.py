"""Retrieval through the index: images ranked for each question, searched as far down as influence reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...runtime.devices import core_count
from ..search.above_line import Descent, RowsAbove
from ..search.topk import Floats, Positions
from .influence import estimate_depth, influence_shares, negligible_similarity, unseen_influence
from .retrieval import FIRST_DEPTH, RankedImages, RetrievalTask, measure_coverage, rank_images

T = TypeVar("T")

QUESTIONS_AT_ONCE = 256
"""Questions searched through the index together."""

MAX_STEP = 8
"""How many times as many rows are expected at most: an estimate from inside a cluster fails beyond it."""

NEGLIGIBLE = 1e-4
"""An unseen share of influence that no deeper search is worth."""


def retrieve_through_index(
    task: RetrievalTask, vectors: Floats, lines: NDArray[np.float64] | None = None
) -> Iterator[RankedImages]:
    """Search the index for the questions (questions, dim), with `lines` as in `retrieve_exactly`.

    The first search finds the best FIRST_DEPTH. A question that these do not complete is searched down to
    the similarity below which nothing has influence, or what has is negligible, and to its line; or until the
    limit is reached.
    """
    for start in range(0, len(vectors), QUESTIONS_AT_ONCE):
        queries = vectors[start : start + QUESTIONS_AT_ONCE]
        sets = None if lines is None else lines[start : start + len(queries)]
        questions = [
            _Question(task, start + at, None if sets is None else sets[at], descent)
            for at, descent in enumerate(task.space.descend(queries, task.pool))
        ]
        waiting = {_first_depth(task): list(range(len(queries)))}
        while waiting:
            depth = min(waiting)
            mine = waiting.pop(depth)
            for at, found in zip(mine, _search(task, [questions[at] for at in mine], depth), strict=True):
                questions[at].take(found)
            deeper = [at for at in mine if depth < _max_depth(task) and questions[at].wanted_line is not None]
            for at, found in zip(deeper, _search_lines(task, [questions[at] for at in deeper]), strict=True):
                questions[at].take(found)
            for at in mine:
                if questions[at].lacks_groups and questions[at].found.count < _max_depth(task):
                    count = max(questions[at].found.count, depth)
                    waiting.setdefault(min(4 * count, _max_depth(task)), []).append(at)
        yield from (question.ranked for question in questions)


def _max_depth(task: RetrievalTask) -> int:
    return min(max(task.request.limit, task.request.k), task.pool.size)


def _first_depth(task: RetrievalTask) -> int:
    request = task.request
    if task.calibration is None and not task.groups:  # only what is listed is needed
        return _max_depth(task) if request.by else min(request.k, task.pool.size)
    return min(max(request.k, FIRST_DEPTH), _max_depth(task))


@dataclass(frozen=True)
class _Found:
    """What a search found, best first; what it did not find is taken to be at most as similar as `floor`."""

    rows: Positions
    similarities: Floats
    floor: float
    recall: float | None

    @property
    def count(self) -> int:
        return len(self.rows)


def _search(task: RetrievalTask, questions: Sequence[_Question], depth: int) -> Iterator[_Found]:
    """The `depth` best of each question."""
    assert task.space.index is not None  # uses_index
    recall = task.space.index.recall(min(depth, task.pool.size))
    for rows, similarities in _each(lambda one: one.descent.nearest(depth), questions):
        yield _Found(rows, similarities, float(similarities[-1]) if len(rows) else -np.inf, recall)


def _search_lines(task: RetrievalTask, questions: Sequence[_Question]) -> Iterator[_Found]:
    """What is above the line of each of the questions."""

    def ask(one: _Question) -> RowsAbove:
        line = one.wanted_line or 0.0
        return one.descent.above(line, one.estimate_depth(line), _max_depth(task))

    for one, above in zip(questions, _each(ask, questions), strict=True):
        yield _Found(above.rows, above.similarities, above.floor, one.found.recall)


def _each(ask: Callable[[_Question], T], questions: Sequence[_Question]) -> list[T]:
    """The answers of all questions, a thread a core where there are several."""
    if len(questions) <= 1:
        return [ask(one) for one in questions]
    with ThreadPoolExecutor(core_count()) as threads:
        return list(threads.map(ask, questions))


@dataclass
class _Question:
    """One question that is searched through the index: what was found, and how far down it should go on.

    `line`: the similarity from which on images are in its set, or None. `descent`: its search.
    """

    task: RetrievalTask
    at: int
    line: float | None
    descent: Descent
    found: _Found = field(init=False)
    ranked: RankedImages = field(init=False)
    wanted_line: float | None = None

    def take(self, found: _Found) -> None:
        """Rank what was found."""
        task, self.found, self.wanted_line = self.task, found, None
        left = task.pool.size - found.count
        shares, unseen, complete = None, None, left == 0
        if task.calibration is not None and found.count:
            law = task.calibration.law(self.at, found.similarities)
            shares = influence_shares(found.similarities, law)
            best = float(found.similarities[0])
            unseen = unseen_influence(shares, best, found.floor, left, law)
            complete = unseen == 0
            if unseen > NEGLIGIBLE:
                self.wanted_line = negligible_similarity(shares, best, left, NEGLIGIBLE, law)
        coverage = measure_coverage(task.pool, "index", found.count, complete, unseen, found.recall)
        ranked = rank_images(task, found.rows, found.similarities, shares, coverage)
        self.ranked = replace(ranked, in_set=self._count_set())

    def _count_set(self) -> int | None:
        """The size of the set; None without a line, and where the search ended before it."""
        line, found, size = self.line, self.found, self.task.pool.size
        if line is None or line == -np.inf:  # all of the pool
            return None if line is None else size
        if 0 < found.count < size and found.floor >= line:
            below = float(np.nextafter(np.float32(line), np.float32(-np.inf)))
            self.wanted_line = below if self.wanted_line is None else min(below, self.wanted_line)
            return None
        return int(np.count_nonzero(found.similarities >= line))

    def estimate_depth(self, line: float) -> int:
        """How many images are probably above `line`."""
        return min(estimate_depth(self.found.similarities, line), MAX_STEP * self.found.count)

    @property
    def lacks_groups(self) -> bool:
        """Whether fewer images are listed than were asked for: near-duplicates share a place."""
        return len(self.ranked.rows) < self.task.request.k
