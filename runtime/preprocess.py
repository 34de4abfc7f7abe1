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

INTERPOLATIONS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}

MAX_ASPECT = 32


@dataclass(frozen=True)
class Frame:
    """`middle` (left, top, right, bottom) is cut out, resized to `resized`, and cropped from `corner` on."""

    middle: tuple[int, int, int, int]
    resized: tuple[int, int]
    corner: tuple[int, int]


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, scale to [0, 1], subtract `mean`, divide by `std`.

    `size` is the side of the square input. `resize` is the length of the shorter side before the centre
    crop; None stretches the whole picture to size x size and crops nothing. mean and std: RGB.
    """

    size: int
    resize: int | None
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            raise InvalidInputError(
                f"the interpolation {self.interpolation!r} is not known",
                hint=f"use one of {', '.join(INTERPOLATIONS)}",
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
        """Cut the size x size RGB picture that the encoder sees, before it is normalised."""
        filter_ = INTERPOLATIONS[self.interpolation]
        image = image if image.mode == "RGB" else image.convert("RGB")
        frame = self.frame(*image.size)
        if frame.middle != (0, 0, *image.size):
            image = image.crop(frame.middle)
        resized = image if frame.resized == image.size else image.resize(frame.resized, filter_)
        left, top = frame.corner
        box = (left, top, left + self.size, top + self.size)
        return resized if box == (0, 0, *resized.size) else resized.crop(box)

    def frame(self, width: int, height: int) -> Frame:
        """Where the picture that the encoder sees lies in one of `width` x `height` pixels."""
        if self.resize is None:
            return Frame((0, 0, width, height), (self.size, self.size), (0, 0))
        middle = _middle(width, height)
        width, height = middle[2] - middle[0], middle[3] - middle[1]
        shorter = min(width, height)
        # Truncated, not rounded, and the crop's corner rounded: torchvision's arithmetic, which the
        # published preprocessing of every encoder here assumes.
        wide = max(self.size, int(self.resize * width / shorter))
        high = max(self.size, int(self.resize * height / shorter))
        corner = round((wide - self.size) / 2), round((high - self.size) / 2)
        return Frame(middle, (wide, high), corner)

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
            return cls(**fields, mean=mean, std=std)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInputError(
                f"this is no preprocessing: {error}", hint="export the encoder again"
            ) from error


def _middle(width: int, height: int) -> tuple[int, int, int, int]:
    """All but what no centre crop can reach of a very long picture, which would grow huge when resized."""
    longest = MAX_ASPECT * min(width, height)
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return left, top, left + min(width, longest), top + min(height, longest)


def _triple(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
