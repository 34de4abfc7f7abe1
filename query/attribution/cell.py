"""An answer as a cell of a notebook: a fragment of HTML with its pictures in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .markup import render
from .state import STATES, UNSOURCED
from .words import WORDS

if TYPE_CHECKING:
    from .pictures import AnswerPictures

SIDE = 112
"""The longer side of a picture in pixels."""

OWNERS = 12
"""Owners that are listed; the others are counted."""


def answer_cell(answer: Mapping[str, Any], pictures: AnswerPictures | None) -> str:
    """The fragment. `answer` is `Answer.to_dict()`; without `pictures` it has none."""
    ids = [result["image_id"] for result in answer["results"]]
    return render(
        "cell.html",
        answer=answer,
        question=pictures.of_question(SIDE) if pictures else None,
        images=pictures.of_images(ids, SIDE) if pictures else {},
        side=SIDE,
        owners=OWNERS,
        states=STATES,
        unsourced=UNSOURCED,
        words=WORDS,
    )
