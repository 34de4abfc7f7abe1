"""What an answer says as a whole: shares of influence, no clear source, none of these, or what is similar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .evidence import STRENGTHS, Evidence

if TYPE_CHECKING:
    from PIL import Image

SHARES, NO_CLEAR_SOURCE, NONE, SIMILAR = "shares", "no clear source", "none", "similar"

STATES = {
    SHARES: "The influence of images is given, as shares of the whole.",
    NO_CLEAR_SOURCE: "No image stands out as a source; those listed are only the nearest.",
    NONE: "No image here can be named as a source, at the level alpha that was asked for.",
    SIMILAR: "These features cannot give shares; the most similar images are listed.",
}
"""Every state of an answer, and what it means."""

UNSOURCED = {NO_CLEAR_SOURCE: "No clear source", NONE: "None of these"}
"""The states of answers that name no source, with the words that lead such an answer; shares come last."""

ONE_COLOUR = 8
"""Levels, of 256, between the darkest and the lightest pixel of a picture that shows nothing but a colour."""

NULL_SHARE = 0.5
"""From here on most of the influence is of nothing in the pool."""

TOP_SHARE = 0.1
"""Below it, where most of the influence is of nothing in the pool, no image stands out."""

P_NONE = 0.8
"""From here on so many pictures that owe nothing to the pool have a match as good that it says nothing.

Chosen with NULL_SHARE and TOP_SHARE on the validation models of a demo store (law `spread`), among 0.3, 0.5,
0.7 and 0.05, 0.1, 0.2 and 0.6, 0.8, 0.9: these call most pictures unclear while the top image of those is
right in at most one of seven. That is 218 of 680, 29 of them right (13%), against 315 of the other 462 (68%);
of test models 621 of 1,360, 57 of them right (9%), against 317 of 739 (43%). Of 544 pictures by the base
itself 380 have no clear source."""

WEAK, LEAST = (word for _, word in STRENGTHS[-2:])
"""The words of the weakest evidence: with the first one, what follows may decide; the last one says it."""


@dataclass(frozen=True)
class Findings:
    """What the state of one answer is decided by; the fields are those of `Answer`.

    `top_share`: the influence of the first result; None where nothing is calibrated. `one_colour`: whether
    the picture that was asked about shows nothing but one colour.
    """

    law: str | None
    top_share: float | None
    null_share: float | None
    p_none: float | None
    attributed: bool | None
    evidence: Evidence | None
    one_colour: bool = False


def answer_state(found: Findings) -> tuple[str, str]:
    """The state, one of STATES, and why, where that is no clear source; else an empty text.

    A picture of one colour has no clear source by definition. Else a level that was asked for decides; then
    how often answers like this one were right on test pictures; then, unless these say better, how much of
    the influence is of nothing in the pool and how good a match is without any source.
    """
    if found.one_colour:
        return NO_CLEAR_SOURCE, "the picture is of one colour"
    if found.attributed is not None:
        return (_shares_or_similar(found), "") if found.attributed else (NONE, "")
    why = _why_unclear(found)
    return (NO_CLEAR_SOURCE, why) if why else (_shares_or_similar(found), "")


def is_one_colour(image: Image.Image) -> bool:
    """Whether a decoded picture shows nothing but one colour, up to ONE_COLOUR in each channel."""
    pixels = np.asarray(image.convert("RGB"))
    return bool((np.ptp(pixels, axis=(0, 1)) <= ONE_COLOUR).all())


def _shares_or_similar(found: Findings) -> str:
    return SIMILAR if found.law is None else SHARES


def _why_unclear(found: Findings) -> str:
    """Why no image stands out; empty where one does, and where it is not known."""
    strength = found.evidence.strength if found.evidence else None
    if strength == LEAST:
        return "the top image of such answers is hardly ever a true source"
    if strength not in (None, WEAK):
        return ""
    top, null = found.top_share, found.null_share
    if top is not None and null is not None and null >= NULL_SHARE and top < TOP_SHARE:
        most = f"{100 * null:.0f}% of the influence is of nothing in the pool"
        return f"{most}, and no image has {100 * TOP_SHARE:.0f}%"
    if found.p_none is not None and found.p_none >= P_NONE:
        return f"{100 * found.p_none:.0f}% of pictures that owe nothing to these images have a match as good"
    return ""
