"""Two ways through a pool: past every image of it, or deeper and deeper into an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..catalog import Calibration
from ..search.space import all_similarities, cosines_among, rows_at
from ..search.topk import exact_similarities, in_order
from .influence import Places, Reals, Shares, depth_of, may_be_best, negligible_line, shares_of, unseen_share
from .request import Request

if TYPE_CHECKING:
    from ..search import Pool, SearchSpace


ROUNDING = 1e-6
"""How far below 1 the cosine of a vector with itself may come out."""


def groups_of_copies(
    cosines: Callable[[NDArray[np.int64]], NDArray[np.float32]], count: int, threshold: float, most: int
) -> list[NDArray[np.int64]]:
    """Places of the first `most` groups, each the best image and its copies.

    Args:
        cosines: those of some of the images, by their places (n,), with all: (n, count).
        count: images, best first.
        threshold: copies of an image have at least this cosine with it; an image belongs to the best one
            that it is a copy of.
        most: groups to find.

    Source: arXiv:2306.09345 B.3, where copies are found by the cosine of an encoder's features.
    """
    free = np.ones(count, bool)
    groups: list[NDArray[np.int64]] = []
    while len(groups) < most and free.any():
        heads = np.flatnonzero(free)[: most - len(groups)]  # one product for all that may head a group
        for head, alike in zip(heads, cosines(heads) >= threshold - ROUNDING, strict=True):
            if free[head]:
                alike[head] = True
                groups.append(np.flatnonzero(free & alike))
                free &= ~alike
    return groups


HELD = 256 << 20
"""Bytes of similarities held at once; more questions take more passes."""

TOGETHER = 256
"""Questions searched by index at once."""

FIRST = 100
"""How many images a search by index looks at first."""

STEP = 8
"""How many times as deep a search looks next at most: clusters end, and with them what they foretell."""

NEGLIGIBLE = 1e-4
"""An unseen share of influence that no deeper search is worth."""


@dataclass(frozen=True)
class SearchCoverage:
    """How far a search went; see `Answer`."""

    method: str
    searched: int
    complete: bool
    unseen: float | None
    recall: float | None = None


@dataclass(frozen=True)
class Ranking:
    """One question answered in rows of the space: `rows` (n,) best first, their similarities and influence.

    `copies`: the rows that share the place of each; `weighed`: rows and influence of all that have any.
    """

    rows: Places
    similarities: Reals
    influence: NDArray[np.float64] | None
    copies: tuple[Places, ...]
    weighed: tuple[Places, NDArray[np.float64]] | None
    reach: SearchCoverage


@dataclass(frozen=True)
class Task:
    """What all questions of one pass have in common."""

    space: SearchSpace
    pool: Pool
    request: Request
    fitted: Calibration | None


def exact_pass(task: Task, vectors: Reals) -> Iterator[Ranking]:
    """Rankings of the questions (questions, dim) over every image of the pool, streamed once for as many
    questions as fit the memory.
    """
    size = task.pool.size
    most = max(1, HELD // (4 * size))
    for start in range(0, len(vectors), most):
        some = vectors[start : start + most]
        rows, similarities, at = np.empty(size, np.int64), np.empty((len(some), size), np.float32), 0
        for mine, found in all_similarities(task.space, some, task.pool):
            rows[at : at + len(mine)] = mine
            similarities[:, at : at + len(mine)] = found
            at += len(mine)
        _settle(task, some, rows, similarities)
        for line in similarities:
            yield _ranked(task, rows, line)


def _settle(task: Task, queries: Reals, rows: Places, similarities: Reals) -> None:
    """Compute again, exactly, those of `similarities` (queries, rows) that places may depend on."""
    near = [may_be_best(line, min(task.request.k, len(rows))) for line in similarities]
    candidates = [rows[places] for places in near]
    settled = exact_similarities(partial(rows_at, task.space), queries, candidates)
    for line, places, (_, values) in zip(similarities, near, settled, strict=True):
        line[places] = values


def _ranked(task: Task, rows: Places, similarities: Reals) -> Ranking:
    """One question, compared with every row (n,) of the pool."""
    shares = shares_of(similarities, task.fitted) if task.fitted else None
    return _made(task, rows, similarities, shares, SearchCoverage("exact", len(rows), True, 0.0))


def index_pass(task: Task, vectors: Reals) -> Iterator[Ranking]:
    """Rankings of the questions (questions, dim) by the index, each deepened until it is complete, what it
    leaves out is negligible, or the limit is reached.
    """
    for start in range(0, len(vectors), TOGETHER):
        some = vectors[start : start + TOGETHER]
        done: dict[int, Ranking] = {}
        waiting = {_first_depth(task): list(range(len(some)))}
        while waiting:
            depth = min(waiting)
            mine = waiting.pop(depth)
            found = task.space.search(some[mine], depth, task.pool, method="index")
            for at, rows, similarities in zip(mine, found.rows, found.similarities, strict=True):
                count = int(np.count_nonzero(rows >= 0))
                done[at], wanted = _found(task, rows[:count], similarities[:count], found.recall)
                if wanted > depth < _most(task):
                    waiting.setdefault(_rounded(task, depth, wanted), []).append(at)
        yield from (done[at] for at in range(len(some)))


def _most(task: Task) -> int:
    """How many images a search looks at at most."""
    return min(max(task.request.limit, task.request.k), task.pool.size)


def _first_depth(task: Task) -> int:
    """How many images a search looks at before it is known how many are needed."""
    request = task.request
    if task.fitted is None and request.dedup is None:  # what is not listed has no influence to be summed
        return min(request.k, task.pool.size)
    return min(max(request.k, FIRST), _most(task))


def _rounded(task: Task, depth: int, wanted: int) -> int:
    """The next depth towards `wanted`, within the limit; one of few, so that questions go there together."""
    deeper = 2 * depth
    while deeper < min(wanted, STEP * depth):
        deeper *= 2
    return min(deeper, _most(task))


def _found(task: Task, rows: Places, similarities: Reals, recall: float | None) -> tuple[Ranking, int]:
    """The ranking of what a search by index found, best first, and how deep it should look.

    What was not found is taken to be no more similar than the last that was.
    """
    left, wanted = task.pool.size - len(rows), 0
    shares, unseen, complete = None, None, left == 0
    if task.fitted is not None and len(rows):
        shares = shares_of(similarities, task.fitted)
        best, last = float(similarities[0]), float(similarities[-1])
        unseen = unseen_share(shares, best, last, left, task.fitted)
        complete = unseen == 0
        if unseen > NEGLIGIBLE:
            line = negligible_line(shares, best, left, NEGLIGIBLE, task.fitted)
            wanted = depth_of(similarities, line)
    reach = SearchCoverage("index", len(rows), complete, unseen, recall)
    ranking = _made(task, rows, similarities, shares, reach)
    if len(ranking.rows) < task.request.k:
        wanted = max(wanted, 4 * len(rows))
    return ranking, wanted


def _made(
    task: Task, rows: Places, similarities: Reals, shares: Shares | None, reach: SearchCoverage
) -> Ranking:
    """The ranking of those `rows` (n,) of the space that were compared."""
    order, groups = _listed(task, rows, similarities, len(shares.places) if shares else len(rows))
    first = order[[group[0] for group in groups]] if groups else order[:0]
    influence, weighed = None, None
    if shares is not None:
        each = np.zeros(len(rows))
        each[shares.places] = shares.influence
        influence = np.array([each[order[group]].sum() for group in groups])
        weighed = (rows[shares.places], shares.influence)
    copies = tuple(rows[order[group[1:]]] for group in groups)
    return Ranking(rows[first], similarities[first], influence, copies, weighed, reach)


def _listed(
    task: Task, rows: Places, similarities: Reals, weighty: int
) -> tuple[Places, list[NDArray[np.int64]]]:
    """Places of the best of `rows`, best first, and which of those places share one place in the answer.

    `weighty`: how many may be copies that count: those with influence, all where nothing is calibrated.
    """
    request, ids = task.request, task.space.ids

    def best(count: int) -> Places:
        near = may_be_best(similarities, min(count, len(rows)))
        return near[in_order(ids, rows[near], similarities[near])][:count]

    if request.dedup is None:
        order = best(request.k)
        return order, list(np.arange(len(order))[:, None])
    most = min(len(rows), max(request.limit, request.k))
    depth = min(most, max(4 * request.k, weighty))
    while True:
        order = best(depth)
        groups = groups_of_copies(
            cosines_among(task.space, rows[order]), len(order), request.dedup, request.k
        )
        if len(groups) >= request.k or depth >= most:
            return order, groups
        depth = min(most, 4 * depth)
