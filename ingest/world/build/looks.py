"""A look is how one icon is shown: its place, its medium or what is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .augment import COLOURS, SCENES, Rgb, Rgba, Rng, colour, on, placed
from .media import MEDIA

PLACES: Mapping[str, tuple[float, float]] = {  # scale, turn in degrees
    "tiny": (0.5, 0.0),
    "small": (0.7, 0.0),
    "close up": (1.45, 0.0),
    "tilted": (0.9, 25.0),
    "upside down": (1.0, 180.0),
}

_SCENE_SCALE = 0.85  # leaves some of the scene to be seen


@dataclass(frozen=True, slots=True)
class Look:
    """At most one of `medium`, `scene`, `colour`; all empty is the plain icon on white."""

    place: str = ""
    medium: str = ""
    scene: str = ""
    colour: str = ""

    def to_json(self) -> dict[str, str]:
        """Only what is set."""
        return {key: value for key, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Look:
        """Inverse of `to_json`."""
        return cls(**fields)


def _one_of(rng: Rng, words: Mapping[str, object]) -> str:
    names = list(words)
    return names[int(rng.integers(len(names)))]


def random_look(rng: Rng) -> Look:
    """A look that is not plain: 36% a medium, 30% a scene, 26% a colour, else a place; 12% also a place."""
    place = _one_of(rng, PLACES) if rng.random() < 0.12 else ""
    choice = rng.random()
    if choice < 0.36:
        return Look(place, medium=_one_of(rng, MEDIA))
    if choice < 0.66:
        return Look(place, scene=_one_of(rng, SCENES))
    if choice < 0.92:
        return Look(place, colour=_one_of(rng, COLOURS))
    return Look(place or _one_of(rng, PLACES))


def show(icon: Rgba, look: Look, rng: Rng) -> Rgb:
    """Draw the icon in a look; `rng` moves stars and horizons."""
    size = icon.shape[0]
    scale, turn = PLACES.get(look.place, (_SCENE_SCALE if look.scene else 1.0, 0.0))
    if (scale, turn) != (1.0, 0.0):
        icon = placed(icon, scale, turn)
    if look.medium:
        return np.clip(MEDIA[look.medium](icon), 0, 1).astype(np.float32)
    if look.scene:
        sheet = SCENES[look.scene](size, rng)
    else:
        sheet = colour(look.colour, size) if look.colour else np.ones((size, size, 3), np.float32)
    return np.clip(on(icon, sheet), 0, 1).astype(np.float32)
