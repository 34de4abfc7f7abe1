"""What an answer says as a whole: shares of influence, no clear source, none of these, or what is similar."""

from __future__ import annotations

SHARES, NO_CLEAR_SOURCE, NONE, SIMILAR = "shares", "no clear source", "none", "similar"

STATES = {
    SHARES: "The influence of images is given, as shares of the whole.",
    NO_CLEAR_SOURCE: "The picture says too little to name a source; what is listed is only what is nearest.",
    NONE: "None of these images was used, at the level alpha that was asked for.",
    SIMILAR: "These features cannot give shares; the most similar images are listed.",
}
"""Every state of an answer, and what it means."""


def answer_state(law: str | None, attributed: bool | None) -> str:
    """The state of an answer.

    Args:
        law: what its influence was computed by; None where nothing is calibrated.
        attributed: whether p_none is at most the level alpha; None without a level.
    """
    if attributed is False:
        return NONE
    return SIMILAR if law is None else SHARES
