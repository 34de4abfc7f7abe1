"""ICC profiles: the colours of an image with an embedded profile in sRGB, by Pillow's ImageCms.

A profile that is sRGB itself, by whatever name, is recognised by what it does to a grid of colours, once a
process; its images stay as they are, to the bit. So do images whose profile is broken, or made for other
channels than the image has (a CMYK profile in an RGB file).
"""

from __future__ import annotations

import io
from functools import cache, lru_cache
from itertools import product

import numpy as np
from PIL import Image, ImageCms

SRGB, IGNORE = "srgb", "ignore"

PROFILES = (SRGB, IGNORE)
"""What is done with embedded profiles: colours are converted to sRGB, or stay as the file has them."""

LARGEST_PROFILE = 4 << 20
"""Bytes; profiles of printers have up to 3 MB. A larger one is ignored."""

SAME = 1
"""8-bit steps by which a profile may differ from sRGB anywhere and still count as sRGB: rounding."""

KNOWN_PROFILES = 16  # transforms kept; one of CMYK has about 2 MB
GRID = np.arange(0, 256, 15, dtype=np.uint8)  # 18 levels, black and white among them

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_BROKEN = (ImageCms.PyCMSError, OSError, TypeError, ValueError, SyntaxError)


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """`image` (mode L, RGB or CMYK) as RGB in sRGB, or None where its numbers are to stay as they are.

    Perceptual intent, as viewers use. None: there is no profile, it is sRGB, broken, or of other channels.
    """
    if not profile or len(profile) > LARGEST_PROFILE:
        return None
    transform = _transform(profile, image.mode)
    return None if transform is None else _apply(image, transform)


def lab_to_rgb(image: Image.Image) -> Image.Image:
    """An image of mode LAB (CIE L*a*b*, D50) as RGB in sRGB."""
    return _apply(image, _lab_transform())


@lru_cache(maxsize=KNOWN_PROFILES)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From `profile` to sRGB; None where that changes nothing or cannot be done."""
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != _SPACES.get(mode):
            return None
        exact = (
            ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        )  # of grey, dark levels suffer
        transform = ImageCms.buildTransform(opened, _srgb(), mode, "RGB", flags=exact)
        return None if _changes_nothing(transform, mode) else transform
    except _BROKEN:
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return False
    levels = list(product(GRID, repeat=len(mode)))
    grid = np.array(levels, np.uint8).reshape(1, -1, len(mode)).squeeze(-1 if mode == "L" else ())
    before = Image.fromarray(grid)
    after = np.asarray(_apply(before, transform), np.int16)
    return int(np.abs(after - np.asarray(before.convert("RGB"), np.int16)).max()) <= SAME


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:  # only where it is done in place
        raise ValueError("the transform returned no image")
    return converted


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB")
