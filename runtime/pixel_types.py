"""Numeric pixel types to 8 bits a channel: shown as a viewer shows them, or refused where white is unknown.

Integers of up to 16 bits without a sign run from black at 0 to white at their largest value, floats from 0 to
1: that is what formats define and viewers show. For integers of 32 bits, numbers with a sign and floats
beyond that range no file says which value is white, so any picture of them would be a guess.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..store.errors import DataError

DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
"""Pillow's modes of more than 8 bits: all of them have one channel."""

ROUNDING = 0.5 / 255
"""How far a float may lie outside of 0 to 1: half an 8-bit step, as resampling and compression leave it."""

BITS, COMPRESSION, PHOTOMETRIC, SAMPLE_FORMAT = 258, 259, 262, 339  # tags of TIFF
WHITE_IS_ZERO, YCBCR = 0, 6  # of the photometric interpretation
UNCOMPRESSED, UNSIGNED = 1, 1
KNOWN_FORMATS = (UNSIGNED, 3, 4)  # 3: floats; 4: undefined, as if the tag was not there

_HINT = "save it with 8 or 16 bits a channel, or as floats from 0 to 1"


class PixelTypeError(DataError):
    """Pixels of a type for which black and white are not defined."""


def check_type(image: Image.Image) -> None:
    """Raise PixelTypeError for a TIFF whose numbers Pillow would read as something that they are not."""
    tags = _tags(image)
    if _first(tags.get(SAMPLE_FORMAT, UNSIGNED)) not in KNOWN_FORMATS:
        raise PixelTypeError("its pixels are numbers with a sign", hint=_HINT)
    raw = tags.get(COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED
    if raw and tags.get(PHOTOMETRIC) == YCBCR and image.mode == "RGB":
        raise PixelTypeError("its pixels are YCbCr without compression", hint=_HINT)


def to_bytes(image: Image.Image) -> Image.Image:
    """`image` in a mode of 8 bits a channel: L or RGBA for those of `DEEP`, unchanged for the others.

    Args:
        image: decoded, upright, as Pillow opened it (its format and tags say what its numbers mean).

    Raises:
        PixelTypeError: it is not defined which values are black and white, or some are NaN or infinite.
    """
    tags = _tags(image)
    if image.mode not in DEEP:
        return image
    values = np.asarray(image)
    levels = _float_levels(values) if image.mode == "F" else _integer_levels(values, _white(tags))
    grey = Image.fromarray(255 - levels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else levels)
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Image.merge("RGBA", (grey, grey, grey, alpha))


def scale_grey_key(image: Image.Image, data: bytes) -> None:
    """Put the transparent level of a PNG of 2 or 4 bits on the scale of its decoded pixels."""
    depth, key = data[24], image.info.get("transparency")
    if image.mode == "L" and depth in (2, 4) and isinstance(key, int):
        image.info["transparency"] = key * (255 // (2**depth - 1))


def apply_deep_key(high: Image.Image, low: Image.Image, key: tuple[int, int, int]) -> Image.Image:
    """RGBA of a 16-bit RGB PNG with a transparent colour: `high` and `low` are the two bytes of its channels.

    Pillow keeps the upper bytes only, which cannot tell `key` from the colours beside it.
    """
    same = [
        (np.asarray(high)[..., n] == value >> 8) & (np.asarray(low)[..., n] == value & 255)
        for n, value in enumerate(key)
    ]
    image = high.copy()
    image.info.pop("transparency", None)
    image.putalpha(Image.fromarray(np.where(np.logical_and.reduce(same), 0, 255).astype(np.uint8)))
    return image


def _white(tags: Any) -> int:
    """The value of white: 65535, or 4095 for the 12 bits that TIFF knows, too."""
    bits = _first(tags.get(BITS, 16))
    if bits > 16:
        raise PixelTypeError(f"its pixels are {bits}-bit integers", hint=_HINT)
    return int(2**bits - 1)


def _integer_levels(values: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """8-bit levels of integers from 0 to `white`, rounded to the nearest."""
    if values.dtype.itemsize > 2 and (values.min() < 0 or values.max() > white):
        raise PixelTypeError(f"it has pixels outside of 0 to {white}", hint=_HINT)
    table = (np.arange(65536, dtype=np.int64).clip(0, white) * 255 + white // 2) // white
    levels: NDArray[np.uint8] = table.astype(np.uint8)[values]
    return levels


def _float_levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """8-bit levels of floats from 0 to 1, rounded to the nearest."""
    low, high = float(values.min()), float(values.max())  # NaN where one is
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        found = f"from {low:g} to {high:g}" if np.isfinite(low + high) else "that are NaN or infinite"
        raise PixelTypeError(f"it has pixels {found}, and floats are shown from 0 to 1", hint=_HINT)
    levels: NDArray[np.uint8] = (values.clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return levels


def _tags(image: Image.Image) -> Any:
    """The tags of a TIFF, none for other formats."""
    return getattr(image, "tag_v2", None) or {}


def _first(value: Any) -> Any:
    """The first of a tag's values, one a channel."""
    return value[0] if isinstance(value, tuple) and value else value
