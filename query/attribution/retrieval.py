"""Retrieval: the images of a pool ranked for each question by comparing all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import QuestionLaws
from ..search import Pool, SearchSpace
from ..search.topk import Floats, Positions, exact_similarities, top_k_candidates
from .influence import Candidates, InfluenceShares, influence_shares
from .near_duplicates import group_near_duplicates, pairwise_cosines
from .request import Request
from .works import group_works

SIMILARITY_BYTES = 256 << 20
"""Similarities in memory at once; more questions take more scans."""

FIRST_DEPTH = 100
"""How many images a search through the index first asks for."""


@dataclass(frozen=True)
class RetrievalTask:
    """What all questions of one request have in common; `calibration` has the law of each of them.

    `works`: (rows of the space,) the number of the work that each is a copy of, where these share a place.
    """

    space: SearchSpace
    pool: Pool
    request: Request
    calibration: QuestionLaws | None
    works: NDArray[np.int64] | None = None

    @property
    def groups(self) -> bool:
        """Whether several images may share a place."""
        return self.works is not None or self.request.dedup is not None


@dataclass(frozen=True)
class SearchCoverage:
    """How much of a pool a search has seen; the fields are those of `Answer`."""

    method: str
    pool_size: int
    embedded: int
    searched: int
    complete: bool
    unseen: float | None
    recall: float | None = None

    @property
    def exact(self) -> bool:
        """Whether every image of the pool was compared."""
        return self.method == "exact" and self.searched == self.pool_size

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, and `exact`."""
        return {"exact": self.exact, **vars(self)}


def measure_coverage(
    pool: Pool, method: str, searched: int, complete: bool, unseen: float | None, recall: float | None = None
) -> SearchCoverage:
    """The coverage of a search; `complete` and `unseen` are of the images that have a vector.

    An image without a vector may be more similar than all others: with one in the pool nothing is complete,
    and nothing bounds what is unseen.
    """
    if pool.missing:
        complete, unseen = False, None
    return SearchCoverage(method, pool.total, pool.size, searched, complete, unseen, recall)


@dataclass(frozen=True)
class RankedImages:
    """The answer to one question, in rows of the space.

    Attributes:
        rows: (n,) the images that are listed, best first.
        similarities: (n,) of each.
        influence: (n,) of each with its near-duplicates; None where nothing is calibrated.
        near_duplicates: the rows that share the place of each.
        candidates: all images that were found to have influence, or that were compared.
        in_set: how many images of the pool are at or above the question's line; None without a line, and
            where the search ended before it.
        coverage: how much of the pool was seen.
        null_share: the influence of what is not in the pool; None likewise.
    """

    rows: Positions
    similarities: Floats
    influence: NDArray[np.float64] | None
    near_duplicates: tuple[Positions, ...]
    candidates: Candidates
    coverage: SearchCoverage
    null_share: float | None = None
    in_set: int | None = None


def uses_index(task: RetrievalTask) -> bool:
    """Whether the request goes through the index. ConflictError as for `SearchSpace.uses_index`."""
    return task.space.uses_index(task.pool, max(task.request.k, FIRST_DEPTH), task.request.method)


def retrieve_exactly(
    task: RetrievalTask, vectors: Floats, lines: NDArray[np.float64] | None = None
) -> Iterator[RankedImages]:
    """Compare the questions (questions, dim) with every image of the pool.

    `lines`: (questions,) the similarity from which on images are in the set of each.
    """
    coverage = measure_coverage(task.pool, "exact", task.pool.size, True, 0.0)
    at = 0
    for queries, rows, similarities in scan_similarities(task, vectors):
        _rescore_near_ties(task, queries, rows, similarities)
        for found in similarities:
            shares = influence_shares(found, task.calibration.law(at, found)) if task.calibration else None
            in_set = None if lines is None else int(np.count_nonzero(found >= lines[at]))
            yield replace(rank_images(task, rows, found, shares, coverage), in_set=in_set)
            at += 1


def scan_similarities(task: RetrievalTask, vectors: Floats) -> Iterator[tuple[Floats, Positions, Floats]]:
    """Some questions (n, dim), the rows of the pool, and similarities (n, rows) of the scan.

    The pool is scanned once for as many questions as fit SIMILARITY_BYTES.
    """
    size = task.pool.size
    at_once = max(1, SIMILARITY_BYTES // (4 * size))
    for start in range(0, len(vectors), at_once):
        queries = vectors[start : start + at_once]
        rows, similarities, at = np.empty(size, np.int64), np.empty((len(queries), size), np.float32), 0
        for mine, values in task.space.scan(queries, task.pool):
            rows[at : at + len(mine)] = mine
            similarities[:, at : at + len(mine)] = values
            at += len(mine)
        yield queries, rows, similarities


def _rescore_near_ties(task: RetrievalTask, queries: Floats, rows: Positions, similarities: Floats) -> None:
    """Compute exactly those of `similarities` (queries, rows) that may be among the k largest."""
    k = min(task.request.k, len(rows))
    positions = [top_k_candidates(line, k, task.space.margin) for line in similarities]
    exact = exact_similarities(task.space.unit_rows, queries, [rows[some] for some in positions])
    for line, some, (_, values) in zip(similarities, positions, exact, strict=True):
        line[some] = values


def rank_images(
    task: RetrievalTask,
    rows: Positions,
    similarities: Floats,
    shares: InfluenceShares | None,
    coverage: SearchCoverage,
) -> RankedImages:
    """The ranking of the `rows` (n,) of the space that were compared."""
    order, groups = _group(task, rows, similarities, len(shares.positions) if shares else len(rows))
    first = order[[group[0] for group in groups]] if groups else order[:0]
    influence, candidates = None, Candidates(rows, similarities, None)
    if shares is not None:
        each = np.zeros(len(rows))
        each[shares.positions] = shares.influence
        influence = np.array([each[order[group]].sum() for group in groups])
        at = shares.positions
        candidates = Candidates(rows[at], similarities[at], shares.influence)
    near_duplicates = tuple(rows[order[group[1:]]] for group in groups)
    null_share = shares.null_share if shares else None
    return RankedImages(
        rows[first], similarities[first], influence, near_duplicates, candidates, coverage, null_share
    )


def _group(
    task: RetrievalTask, rows: Positions, similarities: Floats, influential: int
) -> tuple[Positions, list[Positions]]:
    """The order of the best of `rows`, and the positions in it that share one place of the answer.

    `influential`: how many rows have influence; all where nothing is calibrated.
    """
    request, space = task.request, task.space

    def best(count: int) -> Positions:
        near = top_k_candidates(similarities, min(count, len(rows)), space.margin)
        return near[space.order(rows[near], similarities[near])][:count]

    if task.works is not None:
        return group_works(task.works[rows], best, request.k, similarities)
    if request.dedup is None:
        order = best(request.k)
        return order, list(np.arange(len(order))[:, None])
    most = min(len(rows), max(request.limit, request.k))
    depth = min(most, max(4 * request.k, influential))
    while True:
        order = best(depth)
        cosines = pairwise_cosines(space, rows[order])
        groups = group_near_duplicates(cosines, len(order), request.dedup, request.k)
        if len(groups) >= request.k or depth >= most:
            return order, groups
        depth = min(most, 4 * depth)
