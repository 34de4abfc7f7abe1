"""Icons cut out of a background of one colour, so that they can be drawn on another."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Rgba = npt.NDArray[np.float32]

SAME = 8
"""Largest difference of a channel, of 255, between two pixels of the same background."""
PLAIN_BORDER = 0.5
"""Least share of an image's border that has its most frequent colour where the background is plain."""


def cut_out(image: Image.Image) -> Rgba:
    """(height, width, 4) in [0, 1], straight alpha: 0 where the border's colour reaches in from the border.

    Pixels beside the background are blends of it and the icon, and get the alpha that explains their colour.
    An image without a plain border, as a photograph, is opaque everywhere.
    """
    pixels = np.asarray(image.convert("RGB"), np.float32)
    background = _border_colour(pixels)
    if background is None:
        return np.concatenate([pixels / 255, np.ones_like(pixels[..., :1])], -1)
    distance = np.abs(pixels - background).max(-1)
    outside = _reached_from_the_border(distance <= SAME)
    rim = _largest_around(outside) & ~outside
    blend = np.where(rim, distance / np.maximum(_largest_around(distance), 1), 1)
    alpha: npt.NDArray[np.float32] = np.where(outside, 0, blend).astype(np.float32)[..., None]
    seen = np.maximum(alpha, 0.05)  # a nearly transparent pixel has no colour that could be told
    colour = np.clip((pixels - (1 - seen) * background) / seen, 0, 255) / 255
    return np.concatenate([colour, alpha], -1).astype(np.float32)


def _border_colour(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """(3,) the colour of a plain border, or None."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colours, counts = np.unique(border, axis=0, return_counts=True)
    colour: npt.NDArray[np.float32] = colours[counts.argmax()]
    share = (np.abs(border - colour).max(1) <= SAME).mean()
    return colour if share >= PLAIN_BORDER else None


def _reached_from_the_border(same: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(height, width) of pixels that a path of `same` ones joins to the border."""
    height, width = same.shape
    canvas = Image.new("L", (width + 2, height + 2), 255)
    canvas.paste(Image.fromarray(np.where(same, 255, 0).astype(np.uint8)), (1, 1))
    ImageDraw.floodfill(canvas, (0, 0), 128)
    reached: npt.NDArray[np.bool_] = np.asarray(canvas)[1:-1, 1:-1] == 128
    return reached


def _largest_around(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The maximum over each pixel and its eight neighbours."""
    height, width = values.shape
    wide = np.pad(values, 1, mode="edge")
    neighbours = [
        wide[row : row + height, column : column + width] for row in range(3) for column in range(3)
    ]
    largest: npt.NDArray[Any] = np.maximum.reduce(neighbours)
    return largest
