"""Augmented views of the exemplars: none, one-pixel shifts, jitter, or Custom Diffusion's resizing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...runtime.decode import crop_image
from .config import CustomizeConfig
from .prompts import LARGE, SMALL

JITTER_SCALE = (0.9, 1.0)
JITTER_TURN = 4.0
"""Degrees, to either side."""
JITTER_SHIFT = 0.05
"""Of the side, in either direction."""
SHIFTS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class View:
    """One augmented exemplar.

    Attributes:
        pixels: (3, resolution, resolution) in [-1, 1].
        exemplar: index of the exemplar that it shows.
        prefix: start of its prompt, "" or words about its size.
        box: left, top, right, bottom of the pixels that show the exemplar; only those count in the loss.
    """

    pixels: Tensor
    exemplar: int
    prefix: str
    box: tuple[int, int, int, int]


def make_views(
    images: Sequence[Image.Image], config: CustomizeConfig, rng: np.random.Generator
) -> list[View]:
    """At least one view of each exemplar; an equally seeded `rng` gives equal views."""
    squares = [_crop_centre(image) for image in images]
    size = config.resolution
    if config.augment == "resize":
        return [
            _resize(squares[i % len(squares)], i % len(squares), size, rng)
            for i in range(_view_count(config, squares))
        ]
    if config.augment == "jitter":
        return [
            View(_jitter(squares[i % len(squares)], size, rng), i % len(squares), "", (0, 0, size, size))
            for i in range(_view_count(config, squares))
        ]
    shifts = SHIFTS if config.augment == "shift" else SHIFTS[:1]
    whole = [_to_tensor(square.resize((size, size), Image.Resampling.LANCZOS)) for square in squares]
    box = (0, 0, size, size)
    return [View(_shift(pixels, *shift), i, "", box) for i, pixels in enumerate(whole) for shift in shifts]


def _view_count(config: CustomizeConfig, squares: Sequence[Image.Image]) -> int:
    """At least one view an exemplar, and no more than the training steps draw."""
    return max(min(config.views, config.iterations * config.batch_size), len(squares))


def _crop_centre(image: Image.Image) -> Image.Image:
    """The largest centred square."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return crop_image(image, (left, top, left + side, top + side))


def _to_tensor(image: Image.Image) -> Tensor:
    """(3, height, width) in [-1, 1]."""
    values = np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(values).permute(2, 0, 1)


def _shift(pixels: Tensor, down: int, right: int) -> Tensor:
    """Move the image by at most one pixel, repeating the border's pixels."""
    padded = functional.pad(pixels[None], (1, 1, 1, 1), mode="replicate")[0]
    height, width = pixels.shape[1:]
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def _jitter(image: Image.Image, size: int, rng: np.random.Generator) -> Tensor:
    """The image at a random scale, angle and place; beyond its edge, its border's pixels go on."""
    scale, turn = rng.uniform(*JITTER_SCALE), rng.uniform(-JITTER_TURN, JITTER_TURN)
    across, down = rng.uniform(-JITTER_SHIFT, JITTER_SHIFT, 2) * size
    whole = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))
    border = size // 2
    padded = Image.fromarray(np.pad(whole, ((border, border), (border, border), (0, 0)), mode="edge"))
    cos, sin = np.cos(np.deg2rad(turn)) / scale, np.sin(np.deg2rad(turn)) / scale
    middle, x, y = size, size / 2 + across, size / 2 + down
    matrix = (cos, sin, middle - cos * x - sin * y, -sin, cos, middle + sin * x - cos * y)
    return _to_tensor(
        padded.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    )


def _resize(image: Image.Image, exemplar: int, size: int, rng: np.random.Generator) -> View:
    """Custom Diffusion's resize-and-caption: two in three shrunk onto grey, the others enlarged and cut."""
    shrink = rng.uniform() < 0.66
    scale = int(
        rng.integers(size // 3, size + 1) if shrink else rng.integers(int(1.2 * size), int(1.4 * size) + 1)
    )
    scaled = _to_tensor(image.resize((scale, scale), Image.Resampling.BILINEAR))
    top, left = (int(value) for value in rng.integers(0, abs(size - scale) + 1, 2))
    prefix = str(rng.choice(SMALL) if scale < 0.6 * size else rng.choice(LARGE) if scale > size else "")
    if scale >= size:
        return View(scaled[:, top : top + size, left : left + size], exemplar, prefix, (0, 0, size, size))
    pixels = torch.zeros(3, size, size)
    pixels[:, top : top + scale, left : left + scale] = scaled
    return View(pixels, exemplar, prefix, (left, top, left + scale, top + scale))
