"""An RGB image to an encoder's input array, with Pillow and numpy alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..store.errors import InvalidInputError
from .color_profiles import IGNORE, PROFILES, SRGB

INTERPOLATIONS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}

MODES = ("shorter", "both", "longer")

LONGEST = 32
"""Squares in a row: a picture that would grow longer than this is not resized whole; it could fill memory."""


PASS_PIXELS = 16_000_000
"""The most pixels that a picture may have after the first pass, which Pillow makes of all its rows."""

LONG_SIDE = 1_000_000
"""Pixels of a side: for a longer one, Pillow's table of weights takes 32 bytes a pixel and more."""

STRIP_WEIGHTS = 4_000_000
"""Weights (8 bytes each) in one table."""

SUPPORT = 3
"""Of the widest filter, in pixels of the output where a picture is reduced."""


@dataclass(frozen=True)
class CropGeometry:
    """Where the square that the encoder sees lies in a picture of one size; lengths are (across, down).

    resized: the size that the picture is resized to. corner: the square's first pixel in it, negative where
    the square begins outside. padded: whether some of the square lies outside, where the mean fills it.
    oversized: whether Pillow would need far more memory than for an ordinary picture: see `resize_thin`.
    """

    resized: tuple[int, int]
    corner: tuple[int, int]
    padded: bool
    oversized: bool


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, scale to [0, 1], subtract `mean`, divide by `std`.

    size: side of the square input. resize: the length that the side named by `mode` is resized to, before the
    crop: the 'shorter' side, 'both' (stretched), or the 'longer' side (padded with `mean` to `size`); None
    stretches to `size` without a crop. mean, std: RGB, of pixels in [0, 1]. profiles: what is done with ICC
    profiles when a file is decoded, see `decode_image`; stored encoders that do not say it ignore them.
    """

    size: int
    resize: int | None
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    mode: str = "shorter"
    profiles: str = SRGB

    def __post_init__(self) -> None:
        choices = (("interpolation", tuple(INTERPOLATIONS)), ("mode", MODES), ("profiles", PROFILES))
        for what, known in choices:
            if getattr(self, what) not in known:
                raise InvalidInputError(
                    f"the {what} {getattr(self, what)!r} is not known", hint=f"use one of {', '.join(known)}"
                )
        if self.size < 1 or (self.resize is not None and self.resize < self.size):
            raise InvalidInputError(
                f"cannot crop {self.size} x {self.size} out of an image resized to {self.resize}",
                hint="give a size of at least 1 and a resize that is not smaller than it",
            )

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """Shape (3, size, size), float32."""
        pixels = np.asarray(self.crop(image), dtype=np.float32)
        scale, shift = self.affine
        return np.ascontiguousarray((pixels * scale + shift).transpose(2, 0, 1))

    def batch(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Shape (images, 3, size, size), float32."""
        if not images:
            return np.zeros((0, 3, self.size, self.size), dtype=np.float32)
        return np.stack([self(image) for image in images])

    def crop(self, image: Image.Image) -> Image.Image:
        """Cut the size x size RGB picture that the encoder sees, before it is normalised.

        A picture in another mode is converted to RGB first, as the published code does when it opens one.
        """
        filter_ = INTERPOLATIONS[self.interpolation]
        image = image if image.mode == "RGB" else image.convert("RGB")
        found, square = self.geometry(*image.size), (self.size, self.size)
        (left, top), resized = found.corner, found.resized
        if found.oversized and not found.padded:
            across, down = image.width / resized[0], image.height / resized[1]
            columns = left * across, (left + self.size) * across
            return resize_thin(image, square, filter_, columns, (top * down, (top + self.size) * down))
        if found.oversized:
            whole = resize_thin(image, resized, filter_, (0, image.width), (0, image.height))
        else:
            whole = image if resized == image.size else image.resize(resized, filter_)
        if found.padded:
            filled = Image.new("RGB", square, self._fill)
            filled.paste(whole, (-left, -top))
            return filled
        return whole if resized == square else whole.crop((left, top, left + self.size, top + self.size))

    def geometry(self, width: int, height: int) -> CropGeometry:
        """Where the square that the encoder sees lies in a picture of `width` x `height` pixels.

        Truncated or rounded as in torchvision ('shorter', 'both') and timm ('longer'), whose arithmetic the
        published preprocessing of every encoder here is.
        """
        goal = self.resize or self.size
        if self.resize is None or self.mode == "both":
            wide = high = goal
        elif self.mode == "longer":
            scale = max(width, height) / goal
            wide, high = max(1, round(width / scale)), max(1, round(height / scale))
        else:
            shorter = min(width, height)
            wide, high = int(goal * width / shorter), int(goal * height / shorter)
        grows = max(wide, high) > max(LONGEST * self.size, width, height)
        widens = wide > width and wide * height > PASS_PIXELS
        return CropGeometry(
            resized=(wide, high),
            corner=(self._corner(wide), self._corner(high)),
            padded=min(wide, high) < self.size,
            oversized=grows or widens or max(width, height) > LONG_SIDE,
        )

    def _corner(self, side: int) -> int:
        spare = side - self.size
        return round(spare / 2) if spare >= 0 else -(-spare // 2)

    @cached_property
    def _fill(self) -> tuple[int, ...]:
        return tuple(round(255 * value) for value in self.mean)

    @cached_property
    def affine(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(x / 255 - mean) / std as one multiplication and one addition."""
        mean, std = np.asarray(self.mean, np.float64), np.asarray(self.std, np.float64)
        return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)

    def to_json(self) -> str:
        """Canonical JSON (sorted keys)."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Inverse of `to_json`. Raises InvalidInputError when `text` is something else."""
        try:
            fields = json.loads(text)
            mean, std = _triple(fields.pop("mean")), _triple(fields.pop("std"))
            return cls(**{"profiles": IGNORE} | fields, mean=mean, std=std)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInputError(
                f"this is no preprocessing: {error}", hint="export the encoder again"
            ) from error


def resize_thin(
    image: Image.Image,
    size: tuple[int, int],
    filter_: Image.Resampling,
    columns: tuple[float, float],
    rows: tuple[float, float],
) -> Image.Image:
    """`image.resize(size, filter_, box)` in bounded memory, for pictures of a long side or that grow much.

    Each pass is made by itself, in strips: first that over the columns, as in Pillow, unless it makes too
    many pixels. `columns` and `rows` are the sides of the box.
    """
    if size[0] * image.height <= PASS_PIXELS and image.height <= LONG_SIDE:
        wide = _resize_side(image, 0, size[0], columns, filter_)
        return _resize_side(wide, 1, size[1], rows, filter_)
    high = _resize_side(image, 1, size[1], rows, filter_)
    return _resize_side(high, 0, size[0], columns, filter_)


def _resize_side(
    image: Image.Image, side: int, count: int, span: tuple[float, float], filter_: Image.Resampling
) -> Image.Image:
    """The width (0) or height (1) resized: `span` of it becomes `count` pixels."""
    if count == image.size[side] == span[1] and span[0] == 0:
        return image
    step = (span[1] - span[0]) / count
    strip = max(1, int(STRIP_WEIGHTS / (2 * SUPPORT * max(1.0, step) + 3)))
    size, box = list(image.size), [0.0, 0.0, float(image.width), float(image.height)]
    size[side] = count
    out = Image.new("RGB", (size[0], size[1]))
    for first in range(0, count, strip):
        last = min(count, first + strip)
        size[side] = last - first
        box[side], box[side + 2] = span[0] + first * step, min(span[0] + last * step, image.size[side])
        piece = image.resize((size[0], size[1]), filter_, (box[0], box[1], box[2], box[3]))
        out.paste(piece, (first, 0) if side == 0 else (0, first))
    return out


def _triple(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
