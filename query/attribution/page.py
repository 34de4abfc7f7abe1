"""Answers as one self-contained HTML page: images sized by influence, owners, completeness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .abstention import verdict
from .answer import Answer, FailedQuestion, Result
from .markup import data_uri, read_images, render

if TYPE_CHECKING:
    from ..session import Snapshot

LARGEST, SMALLEST = 100, 20
"""Width of an image in percent of its cell: of the most influential one, and the least width of any."""

OWNERS = 12


@dataclass(frozen=True)
class ShownResult:
    """A result on the page: `data` is a data URI, or None; `side` in percent of its cell."""

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
        first=answered[0] if answered else None,
    )


def _section(answer: Answer, images: Mapping[str, str | None], query_image: str | None) -> AnswerSection:
    most = max((result.influence or 0.0 for result in answer.results), default=0.0)
    shown = tuple(
        ShownResult(result, images.get(result.image_id), _side(result.influence, most))
        for result in answer.results
    )
    listed = sum(result.influence or 0.0 for result in answer.results)
    return AnswerSection(answer, query_image, shown, listed, tuple(verdict(answer)))


def _side(influence: float | None, most: float) -> int:
    """The area is proportional to the influence, down to a size at which an image is recognisable."""
    if influence is None or most == 0:
        return (LARGEST + SMALLEST) // 2
    return max(SMALLEST, round(LARGEST * math.sqrt(influence / most)))
