"""The words of an answer in one or two sentences each, as pages explain them; docs/words.md has more."""

from __future__ import annotations

from typing import NamedTuple

from .evidence import STRENGTHS
from .provenance import MEANING_TEXT


class Word(NamedTuple):
    """A word as it is shown, and what it means."""

    name: str
    text: str


def _strengths() -> str:
    """The words for evidence, each with the share of right answers that it begins at."""
    *named, (_, least) = STRENGTHS
    limits = ", ".join(f"{word} from {100 * right:.0f}%" for right, word in named)
    return f"{limits}, below that {least} evidence".capitalize()


WORDS = {
    "share": Word("share", MEANING_TEXT),
    "null_share": Word(
        "null share",
        "What is kept for images that are not in the pool.",
    ),
    "pool": Word(
        "pool",
        "The images that a picture is compared with: the gallery and all exemplars, or those that "
        "satisfy your condition.",
    ),
    "exemplar": Word(
        "exemplar",
        "An image that a generator was trained on last, to learn one thing or one style: the true source "
        "of what it draws.",
    ),
    "encoder": Word(
        "encoder",
        "A network that turns a picture into a list of numbers, its feature. Similar pictures have "
        "similar lists.",
    ),
    "mapper": Word(
        "mapper",
        "What was learned on top of an encoder, so that pictures are near the images that influenced "
        "them, not only near what looks alike.",
    ),
    "similarity": Word(
        "similarity",
        "The cosine of two features: 1 is the same direction, 0 is unrelated. It is no share.",
    ),
    "tau": Word(
        "τ (tau)",
        "How quickly a share falls as similarity falls: the smaller, the quicker.",
    ),
    "lambda": Word(
        "λ (lambda)",
        "The similarity below which a share is nothing.",
    ),
    "spread": Word(
        "spread",
        "How shares were computed: by how far an image stands out among all similarities of the same "
        "picture.",
    ),
    "evidence": Word(
        "evidence",
        "How often the top image was a true source, among test pictures with a top share (or p_none) in "
        f"the same range as here. {_strengths()}.",
    ),
    "p_none": Word(
        "p_none",
        "How likely a match this good is for a picture that owes nothing to these images. The level α "
        "(alpha) is what p_none may be at most for an image to be named.",
    ),
    "owned": Word(
        "owns",
        "How much of the images compared is the owner's. An owner of many images gets some influence by "
        "chance alone: what counts is how far influence is above this.",
    ),
    "duplicates": Word(
        "near-duplicates",
        "Copies of one picture in the pool. As one, they share a place.",
    ),
}
"""What the pages explain beside the words of an answer, by key."""
