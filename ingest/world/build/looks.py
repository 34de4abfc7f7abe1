"""Looks of an icon in training images: its placement, its medium, or the background behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .backgrounds import COLOURS, SCENES, Rgb, Rgba, Rng, composite, plain_background
from .media import MEDIA

PLACEMENTS: Mapping[str, tuple[float, float]] = {  # scale, turn in degrees
    "tiny": (0.5, 0.0),
    "small": (0.7, 0.0),
    "close up": (1.45, 0.0),
    "tilted": (0.9, 25.0),
    "upside down": (1.0, 180.0),
}

JITTER_SCALE = (0.86, 1.04)
JITTER_TURN = 7.0
"""Degrees, to either side."""
JITTER_SHIFT = 0.07
"""Of the side, in either direction."""
_SCENE_SCALE = 0.85  # leaves some of the scene visible


@dataclass(frozen=True, slots=True)
class Look:
    """A placement and at most one of `medium`, `scene`, `colour`; all empty is the plain icon on white."""

    placement: str = ""
    medium: str = ""
    scene: str = ""
    colour: str = ""


def choose_look(index: int, rng: Rng) -> tuple[Look, bool]:
    """Look number `index` of an icon, and whether it is jittered.

    The first is the icon as it is; of the others every fourth is plain but jittered, the rest are random
    looks, 70% of them jittered.
    """
    if index == 0:
        return Look(), False
    if index % 4 == 1:
        return Look(), True
    return random_look(rng), bool(rng.random() < 0.7)


def random_look(rng: Rng) -> Look:
    """A look that is not plain: 36% have a medium, 30% a scene, 26% a colour, the rest only a placement.

    12% of all have a placement besides.
    """
    placement = _one_of(rng, PLACEMENTS) if rng.random() < 0.12 else ""
    choice = rng.random()
    if choice < 0.36:
        return Look(placement, medium=_one_of(rng, MEDIA))
    if choice < 0.66:
        return Look(placement, scene=_one_of(rng, SCENES))
    if choice < 0.92:
        return Look(placement, colour=_one_of(rng, COLOURS))
    return Look(placement or _one_of(rng, PLACEMENTS))


def render(icon: Rgba, look: Look, rng: Rng, *, jitter: bool = False) -> Rgb:
    """Draw a look of the icon; `rng` decides where stars and horizons are, and how far jitter goes."""
    size = icon.shape[0]
    scale, turn = PLACEMENTS.get(look.placement, (_SCENE_SCALE if look.scene else 1.0, 0.0))
    dx = dy = 0.0
    if jitter:
        scale *= rng.uniform(*JITTER_SCALE)
        turn += rng.uniform(-JITTER_TURN, JITTER_TURN)
        dx, dy = rng.uniform(-JITTER_SHIFT, JITTER_SHIFT, 2)
    if (scale, turn, dx, dy) != (1.0, 0.0, 0.0, 0.0):
        icon = transform(icon, scale, turn, dx, dy)
    if look.medium:
        return np.clip(MEDIA[look.medium](icon), 0, 1).astype(np.float32)
    if look.scene:
        background = SCENES[look.scene](size, rng)
    else:
        background = (
            plain_background(look.colour, size) if look.colour else np.ones((size, size, 3), np.float32)
        )
    return np.clip(composite(icon, background), 0, 1).astype(np.float32)


def transform(icon: Rgba, scale: float = 1.0, turn: float = 0.0, dx: float = 0.0, dy: float = 0.0) -> Rgba:
    """Scale the icon about its centre, rotate it by `turn` degrees and move it by shares of its size."""
    size = icon.shape[0]
    premultiplied = icon.copy()
    premultiplied[..., :3] *= premultiplied[..., 3:]
    angle = np.deg2rad(turn)
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    mid = size / 2  # Pillow counts from the corner of the first pixel
    ox, oy = mid + dx * size, mid + dy * size
    matrix = (c, s, mid - c * ox - s * oy, -s, c, mid + s * ox - c * oy)
    bands = [
        np.asarray(
            Image.fromarray(premultiplied[..., k], "F").transform(
                (size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
            )
        )
        for k in range(4)
    ]
    out: Rgba = np.clip(np.stack(bands, -1), 0, 1).astype(np.float32)
    out[..., :3] = np.clip(out[..., :3] / np.maximum(out[..., 3:], 1e-3), 0, 1)
    return out


def _one_of(rng: Rng, names: Mapping[str, object]) -> str:
    choices = list(names)
    return choices[int(rng.integers(len(choices)))]
