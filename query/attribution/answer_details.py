"""What is added to answers once images are ranked: evidence, state, details of the images, provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .abstention import verdict
from .answer import DETAILS, Answer
from .evidence import MeasuredEvidence
from .provenance import describe_source
from .state import NONE, Findings, answer_state

if TYPE_CHECKING:
    from ..session import Snapshot


def add_evidence(snapshot: Snapshot, answers: list[Answer]) -> list[Answer]:
    """The answers, all of one encoder and mapper, with what is known of answers like each."""
    measured = MeasuredEvidence.read(snapshot, answers[0].encoder, answers[0].mapper)
    return [
        replace(
            answer,
            evidence=measured.of_answer(
                answer.results[0].influence,
                answer.p_none,
                narrowed=answer.pool != "all" or answer.where is not None,
            ),
        )
        if answer.results
        else answer
        for answer in answers
    ]


def add_states(answers: Sequence[Answer], one_colour: Sequence[bool]) -> list[Answer]:
    """The answers with what each says as a whole. `one_colour`: whether the picture asked about is of one.

    `state_text` of answers to features that give no shares says why already.
    """
    return [_add_state(answer, plain) for answer, plain in zip(answers, one_colour, strict=True)]


def _add_state(answer: Answer, one_colour: bool) -> Answer:
    top = answer.results[0].influence if answer.results else None
    state, why = answer_state(
        Findings(
            answer.law, top, answer.null_share, answer.p_none, answer.attributed, answer.evidence, one_colour
        )
    )
    if state == NONE:
        return replace(answer, state=state, state_text=next(verdict(answer)))
    return replace(answer, state=state, state_text=f"{state}: {why}" if why else answer.state_text)


def add_details(snapshot: Snapshot, answers: list[Answer]) -> list[Answer]:
    """The answers with what the store knows of their images, read at once for all."""
    ids = {result.image_id for answer in answers for result in answer.results}
    rows = snapshot.finder("images", "image_id").rows(list(ids), DETAILS).to_pylist()
    details = {row.pop("image_id"): row for row in rows}
    return [
        replace(
            answer,
            results=tuple(replace(result, **details.get(result.image_id, {})) for result in answer.results),
        )
        for answer in answers
    ]


def add_provenance(snapshot: Snapshot, answers: list[Answer]) -> list[Answer]:
    """The answers, all of one request, with where each comes from."""
    if not answers:
        return []
    first = answers[0]
    source = describe_source(
        snapshot, first.encoder, first.mapper, (first.pool, first.pool_size), first.where
    )
    return [replace(answer, provenance=source.of(answer.query)) for answer in answers]
