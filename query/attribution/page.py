"""Answers as one self-contained HTML page: images sized by influence, owners, completeness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .abstention import verdict
from .answer import Answer, FailedQuestion, Result
from .markup import data_uri, read_images, render
from .provenance import LIMITS
from .state import STATES, UNSOURCED
from .words import WORDS

if TYPE_CHECKING:
    from ..session import Snapshot

LARGEST, SMALLEST, UNKNOWN = 100, 30, 50
"""Width of an image in percent: with a share of 100%, the least that is recognisable, and without shares."""

RULER = ((SMALLEST / LARGEST) ** 2, 0.25, 0.5, 1.0)
"""Shares whose width the page shows; below the first all images have the least width."""

OWNERS = 12


@dataclass(frozen=True)
class ShownResult:
    """A result on the page: `data` is a data URI, or None; `side` in percent of that of a share of 100%."""

    result: Result
    data: str | None
    side: int


@dataclass(frozen=True)
class AnswerSection:
    """One answer on the page.

    `picture`: the query image as a data URI, or None; `listed`: the influence of all that is shown;
    `verdict`: what the answer says at its level.
    """

    answer: Answer
    picture: str | None
    shown: tuple[ShownResult, ...]
    listed: float
    verdict: tuple[str, ...]


def answer_page(
    snapshot: Snapshot,
    answers: Sequence[Answer | FailedQuestion],
    query_images: Mapping[str, bytes | None],
    title: str,
) -> str:
    """The page. `query_images`: the bytes of the query images by `Answer.query`, where there are any."""
    answered = [answer for answer in answers if isinstance(answer, Answer)]
    ids = sorted({result.image_id for answer in answered for result in answer.results})
    images = read_images(snapshot, ids)
    sections = [
        _section(answer, images, data_uri(query_images.get(answer.query)))
        if isinstance(answer, Answer)
        else answer
        for answer in answers
    ]
    return render(
        "answer.html",
        sections=sections,
        title=title,
        version=snapshot.version,
        owners=OWNERS,
        ruler=RULER,
        limits=LIMITS,
        states=STATES,
        unsourced=UNSOURCED,
        words=WORDS,
    )


def _section(answer: Answer, images: Mapping[str, str | None], query_image: str | None) -> AnswerSection:
    shown = tuple(
        ShownResult(result, images.get(result.image_id), _side(result.influence)) for result in answer.results
    )
    listed = sum(result.influence or 0.0 for result in answer.results)
    return AnswerSection(answer, query_image, shown, listed, tuple(verdict(answer)))


def _side(influence: float | None) -> int:
    """The area is the share, on one scale for all answers, down to the least that is recognisable."""
    return UNKNOWN if influence is None else max(SMALLEST, round(LARGEST * math.sqrt(influence)))
