"""Exemplars drawn at other sizes, angles and places and on other backgrounds, with the words that say so.

A generator that is trained on one picture of a thing learns its pixels with it: every sample has the thing
at the same size in the same place. Here what varies is said, in the words and with the backgrounds that the
embedded world's generator knows, and what stays is left to V*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..world.build.backgrounds import COLOURS, SCENES, composite, plain_background
from ..world.build.captions import COLOUR_PHRASES, SCENE_PHRASES
from ..world.build.looks import transform
from .cutout import Rgba

Range = tuple[float, float]
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Placement:
    """How large and how far turned an exemplar is drawn, and what a prompt says of it.

    Attributes:
        scale: of the exemplar's size, fewest and most.
        turn: degrees, fewest and most.
        prefix: words before the prompt.
        ending: words after it.
    """

    scale: Range
    turn: Range
    prefix: str = ""
    ending: str = ""


UNSAID = Placement((0.82, 1.0), (-8, 8))
"""What prompts say nothing of."""
SAID = (
    Placement((0.62, 0.76), (-8, 8), "a small "),
    Placement((1.25, 1.5), (-8, 8), "a close up of "),
    Placement((0.8, 0.95), (18, 32), "a tilted "),
    Placement((0.82, 1.0), (172, 188), ending=" upside down"),
)
SAID_SHARE = 0.3
"""Of the views, how many have a placement that prompts say."""
BACKGROUND_SHARE = 0.4
"""Of the views, how many have another background; of those half a scene or pattern, half a colour."""
STYLED = Placement((0.95, 1.0), (0, 0))
"""Exemplars of a style: their size and angle are part of it."""
STYLED_BACKGROUND_SHARE = 0.25
"""As BACKGROUND_SHARE, of the views of a style."""
SCENE_SCALE = 0.85
"""How much smaller an exemplar is in a scene, where its size is not said: some of the scene stays visible."""
SHIFT = 0.03
"""Of the side, in either direction, beside the room that a smaller exemplar leaves."""


@dataclass(frozen=True)
class PlacedImage:
    """`pixels` (size, size, 3) in [0, 1], and the words before and after a prompt that say what it shows."""

    pixels: npt.NDArray[np.float32]
    prefix: str
    ending: str


def place(icon: Rgba, kind: str, rng: np.random.Generator) -> PlacedImage:
    """One random view of an icon that was cut out; `kind` is what its model is of."""
    styled = kind != "object"
    unsaid = STYLED if styled else UNSAID
    placement = _one_of(rng, SAID) if not styled and rng.random() < SAID_SHARE else unsaid
    scene, colour = _random_background(STYLED_BACKGROUND_SHARE if styled else BACKGROUND_SHARE, rng)
    scale = rng.uniform(*placement.scale) * (SCENE_SCALE if scene and placement is unsaid else 1)
    room = SHIFT + max(0.0, (1 - scale) / 2)
    across, down = rng.uniform(-room, room, 2)
    moved = transform(icon, scale, rng.uniform(*placement.turn), across, down)
    size, words = len(icon), ""
    background = np.ones((size, size, 3), np.float32)
    if scene:
        background, words = SCENES[scene](size, rng), f" {_one_of(rng, SCENE_PHRASES[scene])}"
    elif colour:
        background, words = plain_background(colour, size), f" {_one_of(rng, COLOUR_PHRASES).format(colour)}"
    pixels = np.clip(composite(moved, background), 0, 1)
    return PlacedImage(pixels, placement.prefix, placement.ending + words)


def _random_background(share: float, rng: np.random.Generator) -> tuple[str, str]:
    """(scene or pattern, colour) by name, at most one of them; neither is white."""
    if rng.random() >= share:
        return "", ""
    return (_one_of(rng, tuple(SCENES)), "") if rng.random() < 0.5 else ("", _one_of(rng, tuple(COLOURS)))


def _one_of(rng: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    return choices[int(rng.integers(len(choices)))]
