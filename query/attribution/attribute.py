"""Questions to answers: read them, compare them, and say what the store knows of what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...store.errors import ConflictError
from ..session import Session
from .answer import DETAILS, Answer, InfluenceVector, OwnerShare, Result
from .owners import owners_of
from .query_vectors import read_query_vectors
from .request import LIMIT, Question, Request
from .retrieval import FIRST, Ranking, Task, exact_pass, index_pass

if TYPE_CHECKING:
    from ...store import Store
    from ..search import Pool, SearchSpace
    from ..session import Snapshot


MANY = 64
"""From so many questions on one scan may take less than as many searches by index."""

SCANNED = 1 << 32
"""Bytes of vectors that many questions are compared with at once rather than searched by index. Measured, a
question of many: 3 ms beside 20 by index for 100,000 x 512, and 35 ms beside 154 for 1,000,000."""


def answer_all(snapshot: Snapshot, questions: Sequence[Question], request: Request) -> list[Answer]:
    """One answer a question, in their order; see `attribute` for what is raised."""
    request.check()
    space = snapshot.space(request.encoder, request.mapper)
    names, vectors = read_query_vectors(snapshot, questions, space, files=request.files)
    task = Task(
        space,
        space.pool(request.pool, request.where),
        request,
        snapshot.calibration(space.encoder, space.mapper),
    )
    empty = _template(task)
    if not task.pool.size:
        return [replace(empty, query=name) for name in names]
    indexed = by_index(space, task.pool, request) and not _scan_pays(task, len(names))
    if indexed:
        _warm_index_later(snapshot, space)
    through = index_pass if indexed else exact_pass
    alone = len(names) == 1  # what weighs nothing in one answer would fill the memory in thousands
    answers = [
        _answer(snapshot, task, replace(empty, query=name), ranking, alone)
        for name, ranking in zip(names, through(task, vectors), strict=True)
    ]
    return _described(snapshot, answers) if request.details else answers


def _warm_index_later(snapshot: Snapshot, space: SearchSpace) -> None:
    """Have the next snapshot read the index of this space before it is searched."""
    encoder, mapper = space.encoder, space.mapper
    snapshot.register_warmup(
        ("index", encoder, mapper), lambda new: new.space(encoder, mapper).approximate().warm()
    )


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
    shares: tuple[OwnerShare, ...] = ()
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
        weighed=InfluenceVector(snapshot, task.space, *ranking.weighed)
        if alone and ranking.weighed
        else None,
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


def attribute(
    store: Store,
    query: Question,
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int = 10,
    pool: str = "all",
    where: str | None = None,
    by: str | None = None,
    dedup: float | None = None,
    method: str = "auto",
    limit: int = LIMIT,
) -> Answer:
    """Name the `k` images of the pool that are most similar to a generated image, with their influence.

    Influence (eq. 6) is summed over the whole pool, so an exact answer does not depend on `k`. A search by
    index sums over what it looked at, goes on until nothing else can have influence or `limit` is reached,
    and says which. Without a calibration of this encoder and mapper influence is None, and `notes` says so.

    This opens the store anew; keep a `Session` for many questions that come one by one.

    Args:
        store: the store.
        query: an image file, the bytes of one, a sample_id or a stored sample's uri, or a raw feature
            (dim,) of the encoder. It is treated as a generated image: h~ maps it.
        encoder: which features; the first one by name when left out.
        mapper: which mapper, or `none`; the newest one when left out, `none` where there is none.
        k: how many images to name, 1 or more.
        pool: `all` is the gallery and every exemplar, `gallery` the gallery alone.
        where: a condition over `images` and `members` that narrows the pool: `creator = 'x'`.
        by: also sum influence by creator, license, category or collection.
        dedup: images whose cosine is at least this are copies of one picture and share a place.
        method: `exact` compares with every image of the pool, `index` searches the index; `auto` takes the
            index where there is one and the pool is broad.
        limit: the most candidates that a search by index looks at.

    Raises:
        NotFoundError: no such file, sample, encoder or mapper.
        DataError: the bytes are no image.
        InvalidInputError: an argument out of range, a condition or vector that does not fit.
        ConflictError: an empty gallery, vectors that the mapper has not mapped, or no index to search.

    Source: arXiv:2306.09345 eq. 6.
    """
    request = Request(encoder, mapper, k, pool, where, by, dedup, method, limit)
    return answer_all(Session(store).snapshot(), [query], request)[0]


def attribute_many(
    store: Store,
    queries: Sequence[Question],
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int = 10,
    pool: str = "all",
    where: str | None = None,
    by: str | None = None,
    dedup: float | None = None,
    method: str = "auto",
    limit: int = LIMIT,
) -> list[Answer]:
    """`attribute` for many questions in one pass over the pool: answers in their order.

    Errors as for `attribute`, for the first question that has one.
    """
    request = Request(encoder, mapper, k, pool, where, by, dedup, method, limit)
    return answer_all(Session(store).snapshot(), queries, request)
