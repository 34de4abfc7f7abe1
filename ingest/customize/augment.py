"""Augmented views of the exemplars: none, one-pixel shifts, placed ones, or Custom Diffusion's resizing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...runtime.decode import crop_image
from .cutout import cut_out
from .placed import place
from .prompts import LARGE, SMALL
from .settings import TrainingConfig

SHIFTS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class View:
    """One augmented exemplar.

    Attributes:
        pixels: (3, resolution, resolution) in [-1, 1].
        exemplar: index of the exemplar that it shows.
        prefix: words before its prompt that say how it is shown, or "".
        box: left, top, right, bottom of the pixels that show the exemplar; only those count in the loss.
        ending: words after its prompt, or "".
    """

    pixels: Tensor
    exemplar: int
    prefix: str
    box: tuple[int, int, int, int]
    ending: str = ""

    def caption(self, prompt: str) -> str:
        """The prompt with the words that say how the exemplar is shown, before those that name its style."""
        subject, joint, style = prompt.partition(" in the style of ")
        return f"{self.prefix}{subject}{self.ending}{joint}{style}"


def make_views(
    images: Sequence[Image.Image], config: TrainingConfig, kind: str, rng: np.random.Generator
) -> list[View]:
    """At least one view of each exemplar; an equally seeded `rng` gives equal views.

    kind: what the model is of: 'placed' draws the exemplars of a style always upright and in their size.
    """
    squares = [_crop_centre(image) for image in images]
    if config.augment == "resize":
        return [
            _resize(squares[i % len(squares)], i % len(squares), config.resolution, rng)
            for i in range(_view_count(config, squares))
        ]
    size = (config.resolution, config.resolution)
    whole = [square.resize(size, Image.Resampling.LANCZOS) for square in squares]
    if config.augment == "placed":
        return _placed_views(whole, kind, _view_count(config, squares), rng)
    box = (0, 0, *size)
    shifts = SHIFTS[:1] if config.augment == "none" else SHIFTS
    return [
        View(_shift(_to_tensor(one), *shift), i, "", box) for i, one in enumerate(whole) for shift in shifts
    ]


def _view_count(config: TrainingConfig, squares: Sequence[Image.Image]) -> int:
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


def _placed_views(
    images: Sequence[Image.Image], kind: str, count: int, rng: np.random.Generator
) -> list[View]:
    """`count` views of the exemplars in turn, each placed at random."""
    icons = [cut_out(image) for image in images]
    views = []
    for i in range(count):
        placed = place(icons[i % len(icons)], kind, rng)
        pixels = torch.from_numpy(placed.pixels).permute(2, 0, 1) * 2 - 1
        views.append(View(pixels, i % len(icons), placed.prefix, (0, 0, *images[0].size), placed.ending))
    return views


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
