"""Variations of an icon for training: its placement, its medium, or the background behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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

_SCENE_SCALE = 0.85  # leaves some of the scene visible


@dataclass(frozen=True, slots=True)
class Variation:
    """A placement and at most one of `medium`, `scene`, `colour`; all empty is the plain icon on white."""

    placement: str = ""
    medium: str = ""
    scene: str = ""
    colour: str = ""

    def to_json(self) -> dict[str, str]:
        """The fields that are set."""
        return {key: value for key, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Variation:
        """Inverse of `to_json`."""
        return cls(**fields)


def random_variation(rng: Rng) -> Variation:
    """A variation that is not plain: 36% have a medium, 30% a scene, 26% a colour, the rest only a placement.

    12% of all have a placement besides.
    """
    placement = _one_of(rng, PLACEMENTS) if rng.random() < 0.12 else ""
    choice = rng.random()
    if choice < 0.36:
        return Variation(placement, medium=_one_of(rng, MEDIA))
    if choice < 0.66:
        return Variation(placement, scene=_one_of(rng, SCENES))
    if choice < 0.92:
        return Variation(placement, colour=_one_of(rng, COLOURS))
    return Variation(placement or _one_of(rng, PLACEMENTS))


def render(icon: Rgba, variation: Variation, rng: Rng) -> Rgb:
    """Draw a variation of the icon; `rng` decides where stars and horizons are."""
    size = icon.shape[0]
    scale, turn = PLACEMENTS.get(variation.placement, (_SCENE_SCALE if variation.scene else 1.0, 0.0))
    if (scale, turn) != (1.0, 0.0):
        icon = transform(icon, scale, turn)
    if variation.medium:
        return np.clip(MEDIA[variation.medium](icon), 0, 1).astype(np.float32)
    if variation.scene:
        background = SCENES[variation.scene](size, rng)
    else:
        background = (
            plain_background(variation.colour, size)
            if variation.colour
            else np.ones((size, size, 3), np.float32)
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
