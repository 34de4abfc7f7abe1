"""Attribution: from questions to answers about the training images that influenced each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np

from ...runtime.influence import PaperLaw
from ...store import Store
from ...store.errors import AttribaseError, ConflictError
from ..search import SearchSpace
from ..session import Session, Snapshot
from .abstention import judge_questions
from .answer import Answer, ComparedImages, FailedQuestion, Result
from .answer_details import add_details, add_evidence, add_provenance, add_states
from .calibration import question_laws
from .owners import PoolOwners
from .pictures import AnswerPictures
from .preparation import read_ahead
from .query_vectors import QueryVectors, read_query_vectors
from .request import Question, Request, RequestOptions
from .retrieval import RankedImages, RetrievalTask, measure_coverage
from .retrieval_choice import retrieve
from .works import read_works


def attribute(
    store: Store | Session | str | Path,
    query: Question,
    request: Request | None = None,
    **options: Unpack[RequestOptions],
) -> Answer:
    """List the images of the pool that are most similar to a generated image, with their influence.

    Influence (eq. 6) is summed over the whole pool, so an exact answer does not depend on `k`. A search
    through the index sums over what it has seen; it goes on until nothing else can have influence or `limit`
    is reached, and the answer says which. Without a calibration of this encoder and mapper influence is
    None, and `notes` says so.

        attribute("my.store", "picture.png", k=5)
        attribute("my.store", sample_id, Request(by="creator", where="license <> 'CC0'"))

    Each call on a path or a store reads the vectors anew; pass a `Session` for many questions that come one
    by one.

    Args:
        store: the store's path, the store, or a session of it.
        query: an image file, the bytes of one, a PIL image, an array of pixels (height, width, 3), a
            sample_id or a stored sample's uri, or a raw feature (dim,) of the encoder. It is treated as a
            generated image: h~ maps it.
        request: how to answer.
        options: fields of `Request`, in place of those of `request`.

    Raises:
        NotFoundError: no such file, sample, encoder, mapper, tag or state of the store.
        DataError: the bytes are no image.
        InvalidInputError: an option out of range, a condition or vector that does not fit.
        ConflictError: an empty gallery, vectors that the mapper has not mapped, or no index to search.

    Source: arXiv:2306.09345 eq. 6.
    """
    return attribute_many(store, [query], request, **options)[0]


def attribute_many(
    store: Store | Session | str | Path,
    queries: Sequence[Question],
    request: Request | None = None,
    **options: Unpack[RequestOptions],
) -> list[Answer]:
    """`attribute` for many questions in one scan of the pool: answers in their order.

    Errors as for `attribute`, for the first question that has one.
    """
    session = store if isinstance(store, Session) else Session(store)
    return answer_all(session.snapshot(), queries, replace(request or Request(), **options))


def answer_all(snapshot: Snapshot, questions: Sequence[Question], request: Request) -> list[Answer]:
    """One answer a question, in their order, at the versions of `snapshot`, or those that the request names.

    Raises as `attribute`.
    """
    snapshot = snapshot.as_of(request.at)
    space = snapshot.space(request.encoder, request.mapper)
    read_ahead(snapshot, space)
    asked = read_query_vectors(snapshot, questions, space, files=request.files)
    asked.raise_first()
    answers = _answer_vectors(snapshot, request, space, asked)
    return _with_sources(snapshot, questions, answers) if request.details else answers


def answer_each(
    snapshot: Snapshot, questions: Sequence[Question | AttribaseError], request: Request
) -> list[Answer | FailedQuestion]:
    """`answer_all`, with an error in the place of each question that cannot be read.

    An error among `questions` stands for one that could not be read, and is returned in its place. Raises as
    `attribute` for what concerns all questions: the encoder, the pool, the condition.
    """
    snapshot = snapshot.as_of(request.at)
    space = snapshot.space(request.encoder, request.mapper)
    read_ahead(snapshot, space)
    asked = read_query_vectors(snapshot, questions, space, files=request.files)
    answered = [one for at, one in enumerate(questions) if at not in asked.errors]
    found = _answer_vectors(snapshot, request, space, asked.without_errors())
    answers = iter(_with_sources(snapshot, answered, found) if request.details else found)
    return [
        FailedQuestion(name, asked.errors[at]) if at in asked.errors else next(answers)
        for at, name in enumerate(asked.names)
    ]


def _with_sources(
    snapshot: Snapshot, questions: Sequence[Question | AttribaseError], answers: list[Answer]
) -> list[Answer]:
    """The answers with where they come from and what reads their pictures; `questions`: that of each."""
    return [
        replace(answer, pictures=AnswerPictures(snapshot, question))
        for question, answer in zip(questions, add_provenance(snapshot, answers), strict=True)
        if not isinstance(question, AttribaseError)
    ]


def _answer_vectors(
    snapshot: Snapshot, request: Request, space: SearchSpace, asked: QueryVectors
) -> list[Answer]:
    """The answers to questions whose vectors are known, all of them."""
    names = asked.names
    if not names:
        return []
    pool = space.pool(request.pool, request.where)
    laws, why, hint = question_laws(snapshot, space, asked.vectors, asked.samples, request.kind)
    folded = read_works(snapshot, space) if request.fold else None
    task = RetrievalTask(space, pool, request, laws, folded.works if folded else None)
    judgement, notes = judge_questions(snapshot, space, pool, request, asked)
    chosen = snapshot.choose_features(request.encoder, request.mapper).note
    about = (*notes, *(folded.notes if folded else ()), *filter(None, (hint, chosen)))
    template = replace(_template(task, about), state_text=why)
    if not task.pool.size:
        notes = (*template.notes, *_missing_note(task, 0))
        return add_states([replace(template, query=name, notes=notes) for name in names], asked.one_colour)
    lines = judgement.lines if judgement else None
    found = retrieve(snapshot, task, asked.vectors, lines)
    whole = len(names) == 1  # the influence of the whole pool would fill the memory with thousands of answers
    owners = PoolOwners.read(snapshot, space, pool, request.by) if request.by else None
    answers = []
    for at, ranked in enumerate(found):
        answer = _answer(task, replace(template, query=names[at]), ranked)
        if owners:
            answer = replace(answer, shares=owners.shares(ranked.candidates, asked.vectors[at]))
        if whole:
            compared = ComparedImages(snapshot, space, pool, asked.vectors[at], ranked.candidates)
            answer = replace(answer, compared=compared)
        answers.append(judgement.judge(at, answer, ranked.in_set) if judgement else answer)
    answers = add_states(add_evidence(snapshot, answers), asked.one_colour)
    return add_details(snapshot, answers) if request.details else answers


def _template(task: RetrievalTask, about: tuple[str, ...]) -> Answer:
    """What all answers of a task have in common, with notes. ConflictError for a pool without a vector."""
    space, pool, calibration = task.space, task.pool, task.calibration
    notes = list(about)
    if not pool.size and pool.where is None:
        raise ConflictError(
            f"no image of the pool {pool.name!r} has a vector of {space.encoder}",
            hint=f"attribase -s STORE ingest embed --encoder {space.encoder}",
        )
    if not pool.size and not pool.missing:
        notes.append("no image of the pool fulfils the condition")
    empty = measure_coverage(pool, "exact", 0, True, 0.0)
    return Answer(
        query="",
        encoder=space.encoder,
        mapper=space.mapper,
        pool=pool.name,
        pool_size=pool.total,
        embedded=pool.size,
        searched=0,
        exact=empty.exact,
        complete=empty.complete,
        results=(),
        remaining=None,
        law=None if calibration is None else calibration.name,
        tau=calibration.tau if isinstance(calibration, PaperLaw) else None,
        lam=calibration.lam if isinstance(calibration, PaperLaw) else None,
        notes=tuple(notes),
        unseen=empty.unseen,
        where=pool.where,
        by=task.request.by,
    )


def _answer(task: RetrievalTask, template: Answer, ranked: RankedImages) -> Answer:
    """The answer to one question, without owners and the details of images."""
    coverage, influence, null_share = ranked.coverage, ranked.influence, ranked.null_share or 0.0
    return replace(
        template,
        exact=coverage.exact,
        results=tuple(_results(task.space, ranked)),
        remaining=None if influence is None else max(0.0, 1.0 - null_share - float(influence.sum())),
        null_share=None if influence is None else null_share,
        notes=(*template.notes, *_coverage_note(task, ranked)),
        complete=coverage.complete,
        method=coverage.method,
        recall=coverage.recall,
        searched=coverage.searched,
        unseen=coverage.unseen,
    )


def _results(space: SearchSpace, ranked: RankedImages) -> Iterator[Result]:
    shown = [ranked.rows, *ranked.near_duplicates]
    ids = iter(space.rows.ids_of(np.concatenate(shown)))
    listed = [next(ids) for _ in ranked.rows]
    for place, image_id in enumerate(listed):
        yield Result(
            image_id=image_id,
            rank=place + 1,
            similarity=float(ranked.similarities[place]),
            influence=None if ranked.influence is None else float(ranked.influence[place]),
            copies=tuple(next(ids) for _ in ranked.near_duplicates[place]),
        )


def _coverage_note(task: RetrievalTask, ranked: RankedImages) -> Iterator[str]:
    """A note where images have no vector, or a search ended before all influence was seen."""
    coverage = ranked.coverage
    yield from _missing_note(task, coverage.searched)
    if task.calibration is None and task.request.by and coverage.searched < coverage.embedded:
        yield f"owners are of the {coverage.searched:,} images that the index found: search exactly for all"
    if coverage.unseen is not None and not coverage.complete:
        yield (
            f"{coverage.searched:,} of {coverage.pool_size:,} images were compared; the others could have "
            f"up to {100 * coverage.unseen:.2g}% of the influence: search exactly to know"
        )


def _missing_note(task: RetrievalTask, searched: int) -> Iterator[str]:
    """A note where images of the pool have no vector; `searched`: how many images were compared."""
    pool = task.pool
    if pool.missing:
        have = "has" if pool.missing == 1 else "have"
        shared = ", so influence is shared among the others" if task.calibration and searched else ""
        yield (
            f"{searched:,} of {pool.total:,} images of the pool were compared; {pool.missing:,} {have} no "
            f"vector{shared}: attribase -s STORE ingest embed --encoder {task.space.encoder}"
        )
