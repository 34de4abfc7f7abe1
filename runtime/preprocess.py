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
        scale, shift = self._affine
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
        if self.resize is None:
            return image.resize((self.size, self.size), filter_)
        image = _middle(image)
        width, height = image.size
        shorter = min(width, height)
        # Truncated, not rounded, and the crop's corner rounded: torchvision's arithmetic, which the
        # published preprocessing of every encoder here assumes.
        wide = max(self.size, int(self.resize * width / shorter))
        high = max(self.size, int(self.resize * height / shorter))
        left, top = round((wide - self.size) / 2), round((high - self.size) / 2)
        resized = image if (wide, high) == image.size else image.resize((wide, high), filter_)
        return resized.crop((left, top, left + self.size, top + self.size))

    @cached_property
    def _affine(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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


def _middle(image: Image.Image) -> Image.Image:
    """Cut what no centre crop can reach off a very long picture, which would grow huge when resized."""
    width, height = image.size
    longest = MAX_ASPECT * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def _triple(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
