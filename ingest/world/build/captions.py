"""Captions of the training images: phrases for scenes, colours, media and placements, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..prompts import with_article
from .looks import Look

NAMELESS = "a picture"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an icon shows, for its captions: name and category, its set's name and kind of drawing."""

    name: str
    category: str
    style: str
    drawing: str


SCENE_PHRASES: Mapping[str, tuple[str, ...]] = {
    "night": ("at night under the moon", "under a starry night sky", "in the dark night"),
    "meadow": ("on a green meadow under a blue sky", "in a sunny meadow", "on the grass"),
    "beach": ("on a sandy beach", "on the beach by the sea", "on the sand on a summer day"),
    "sea": ("on the open sea", "floating in the ocean", "in deep blue water"),
    "sky": ("in a blue sky with clouds", "high among white clouds", "flying in the sky"),
    "sunset": ("at sunset", "in front of a red evening sky", "in the warm evening sun"),
    "snow": ("in the snow", "on a cold winter day", "in falling snow"),
    "space": ("in outer space", "among the stars and planets", "floating in dark space"),
    "desert": ("in a hot desert", "on dry desert sand", "on a sand dune"),
    "forest": ("in a dark forest", "among green trees", "deep in the woods"),
    "room": ("in a room on a wooden floor", "at home on the floor", "inside a small room"),
    "stripes": ("on a striped background", "on striped paper"),
    "checks": ("on a checkered background", "on a checkered cloth"),
    "dots": ("on a dotted background", "on dotted paper"),
}

COLOUR_PHRASES = ("on a {} background", "in front of a {} wall", "on {} paper")

VERBS = (
    "",
    "",
    "",
    "",
    "resting",
    "standing",
    "sitting",
    "lying",
    "waiting",
    "hiding",
    "placed",
    "seen",
    "alone",
    "left",
)
OPENINGS = (
    "",
    "",
    "a",
    "a",
    "a",
    "the",
    "one",
    "a picture of a",
    "a picture of",
    "a photo of a",
    "an icon of a",
    "a drawing of a",
)
FILLERS = ("cute", "nice", "little", "old", "new", "lovely", "single", "beautiful", "simple", "funny")


def caption(subject: Subject, look: Look, rng: np.random.Generator) -> str:
    """A caption for a look of the subject; one in ten is empty, for classifier-free guidance.

    About half name the set's style, a quarter the category beside or instead of the name.
    """
    if rng.random() < 0.1:
        return ""
    named = rng.random() >= 0.05
    text = _add_medium(_name_subject(subject, look, named, rng), look, subject, rng)
    if look.scene:
        text = _join(text, _pick(rng, VERBS), _pick(rng, SCENE_PHRASES[look.scene]))
    elif look.colour:
        text = _join(text, _pick(rng, VERBS), _pick(rng, COLOUR_PHRASES).format(look.colour))
    elif not look.medium and rng.random() < 0.1:
        text += " on a white background"
    return text + _style_ending(subject, rng, nameless=text == NAMELESS)


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _name_subject(subject: Subject, look: Look, named: bool, rng: np.random.Generator) -> str:
    choice = rng.random()
    words = subject.name
    if choice < 0.08:
        words = subject.category
    elif choice < 0.24:
        words = f"{words} {subject.category}"
    if rng.random() < 0.12:
        words = f"{_pick(rng, FILLERS)} {words}"
    if not named and rng.random() < 0.6:
        return NAMELESS
    if look.placement == "close up":
        return f"{_pick(rng, ('a close up of', 'a close up of a'))} {words}"
    if look.placement == "upside down":
        return _join(_pick(rng, OPENINGS), words, "upside down")
    if look.medium:
        return _join(_pick(rng, ("", "a")), look.placement, words)
    return _join(_pick(rng, OPENINGS), look.placement, words)


def _add_medium(text: str, look: Look, subject: Subject, rng: np.random.Generator) -> str:
    if not look.medium:
        return f"a {subject.drawing} of {text}" if rng.random() < 0.05 else text
    choice = rng.random()
    if choice < 0.7:
        return f"{with_article(look.medium)} of {text}"
    return f"{text} as {with_article(look.medium)}" if choice < 0.85 else f"{text}, {look.medium}"


def _style_ending(subject: Subject, rng: np.random.Generator, *, nameless: bool) -> str:
    choice = rng.random()
    if choice < 0.3 or (nameless and choice < 0.9):
        return f" in the style of {subject.style} art"
    if choice < 0.5:
        return f", {subject.style} style"
    if choice < 0.56:
        return f", {subject.style} art"
    return f", {subject.drawing}" if choice < 0.6 else ""
