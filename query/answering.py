"""Questions to answers: read them, compare them, and say what the store knows of what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..store.errors import ConflictError
from .answer import DETAILS, Answer, Result, Share, Weighed
from .owners import owners_of
from .passes import FIRST, Ranking, Task, exact_pass, index_pass
from .request import Question, Request

if TYPE_CHECKING:
    from .search import Pool, SearchSpace
    from .session import Snapshot


MANY = 64
"""From so many questions on one scan may take less than as many searches by index."""

SCANNED = 1 << 32
"""Bytes of vectors that many questions are compared with at once rather than searched by index. Measured, a
question of many: 3 ms beside 20 by index for 100,000 x 512, and 35 ms beside 154 for 1,000,000."""


def answer_all(snapshot: Snapshot, questions: Sequence[Question], request: Request) -> list[Answer]:
    """One answer a question, in their order; see `attribute` for what is raised."""
    request.check()
    space = snapshot.space(request.encoder, request.mapper)
    names, vectors = snapshot.vectors(questions, space, files=request.files)
    task = Task(
        space,
        space.pool(request.pool, request.where),
        request,
        snapshot.calibration(space.encoder, space.mapper),
    )
    empty = _template(task)
    if not task.pool.size:
        return [replace(empty, query=name) for name in names]
    through = (
        index_pass if by_index(space, task.pool, request) and not _scan_pays(task, len(names)) else exact_pass
    )
    alone = len(names) == 1  # what weighs nothing in one answer would fill the memory in thousands
    answers = [
        _answer(snapshot, task, replace(empty, query=name), ranking, alone)
        for name, ranking in zip(names, through(task, vectors), strict=True)
    ]
    return _described(snapshot, answers) if request.details else answers


def by_index(space: SearchSpace, pool: Pool, request: Request) -> bool:
    """Whether a pool is searched by the space's index.

    Raises ConflictError where that is asked for and there is none, or it is not the one that was measured.
    """
    if request.method == "exact":
        return False
    if space.refused is not None:  # a scan in its place would be a silent one
        raise space.refused
    if request.method == "index" and space.index is None:
        raise ConflictError(
            f"there is no index of {space.encoder} with {space.mapper}",
            hint=f"make one: attribase -s STORE index --encoder {space.encoder} --mapper {space.mapper}; or "
            "search exactly",
        )
    return request.method == "index" or space.prefers_index(pool, max(request.k, FIRST))


def _scan_pays(task: Task, questions: int) -> bool:
    """Whether comparing everything once takes less time than so many searches.

    With lambda at 0 or below it always does: each search would go to the limit, and not be complete then.
    """
    if task.request.method != "auto" or questions < MANY:
        return False
    endless = task.fitted is not None and task.fitted.lam <= 0
    return endless or 4 * task.space.dim * task.pool.size <= SCANNED


def _template(task: Task) -> Answer:
    """What all answers of a task have in common. ConflictError for a pool without a vector."""
    space, pool, request = task.space, task.pool, task.request
    notes = [f"{pool.missing} images of the pool have no vector"] if pool.missing else []
    if not pool.size and pool.where is None:
        raise ConflictError(
            f"no image of the pool {pool.name!r} has a vector of {space.encoder}",
            hint=f"attribase -s STORE ingest embed --encoder {space.encoder}",
        )
    if not pool.size:
        notes.append("no image of the pool fulfils the condition")
    if task.fitted is None:
        notes.append(
            f"no influence: {space.encoder} with {space.mapper} is not calibrated; attribase -s STORE "
            f"train calibration --encoder {space.encoder} --mapper {space.mapper}"
        )
    return Answer(
        query="",
        encoder=space.encoder,
        mapper=space.mapper,
        pool=pool.name,
        pool_size=pool.size,
        exact=True,
        results=(),
        remaining=None,
        tau=task.fitted.tau if task.fitted else None,
        lam=task.fitted.lam if task.fitted else None,
        notes=tuple(notes),
        unseen=0.0,
        where=pool.where,
        by=request.by,
    )


def _answer(snapshot: Snapshot, task: Task, empty: Answer, ranking: Ranking, alone: bool) -> Answer:
    """The answer of one question, without the details of images."""
    reach, influence = ranking.reach, ranking.influence
    shares: tuple[Share, ...] = ()
    if task.request.by is not None and ranking.weighed is not None:
        shares = owners_of(snapshot, task.space, task.request.by).shares(*ranking.weighed)
    return replace(
        empty,
        exact=reach.method == "exact",
        results=tuple(_results(task.space, ranking)),
        remaining=None if influence is None else max(0.0, 1.0 - float(influence.sum())),
        notes=(*empty.notes, *_unseen_note(task, ranking)),
        complete=reach.complete,
        method=reach.method,
        recall=reach.recall,
        searched=reach.searched,
        unseen=reach.unseen,
        shares=shares,
        weighed=Weighed(snapshot, task.space, *ranking.weighed) if alone and ranking.weighed else None,
    )


def _results(space: SearchSpace, ranking: Ranking) -> Iterator[Result]:
    for place, row in enumerate(ranking.rows):
        yield Result(
            image_id=space.ids[int(row)].as_py(),
            rank=place + 1,
            similarity=float(ranking.similarities[place]),
            influence=None if ranking.influence is None else float(ranking.influence[place]),
            copies=tuple(space.ids[int(copy)].as_py() for copy in ranking.copies[place]),
        )


def _unseen_note(task: Task, ranking: Ranking) -> Iterator[str]:
    """Says that a search ended before everything with influence was seen."""
    reach = ranking.reach
    if reach.unseen is not None and not reach.complete:
        yield (
            f"{reach.searched} of {task.pool.size} images were compared; the others could have up to "
            f"{100 * reach.unseen:.2g}% of the influence: search exactly to know"
        )


def _described(snapshot: Snapshot, answers: list[Answer]) -> list[Answer]:
    """The answers with what the store knows of their images, read at once for all."""
    ids = {result.image_id for answer in answers for result in answer.results}
    rows = snapshot.finder("images", "image_id").rows(list(ids), DETAILS).to_pylist()
    known = {row.pop("image_id"): row for row in rows}
    return [
        replace(
            answer,
            results=tuple(replace(result, **known.get(result.image_id, {})) for result in answer.results),
        )
        for answer in answers
    ]
