"""An image in memory as a file that decodes to the same pixels: the counterpart of `decode`."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..store.errors import DataError

PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")
TIFF_MODES = ("CMYK", "F", "LAB")
"""Pixel types of Pillow that PNG does not have and TIFF does."""


def encode_image(image: Image.Image) -> bytes:
    """The bytes of a lossless file of `image`: PNG, or TIFF for pixel types that PNG does not have.

    Its ICC profile, EXIF orientation and transparency are kept. Of several frames the present one counts.

    Raises:
        DataError: the image has no pixels, or a file that it was opened from does not decode.
    """
    if 0 in image.size:
        raise DataError("the image has no pixels", hint="give one of at least 1 x 1 pixels")
    buffer = io.BytesIO()
    try:
        if image.mode in TIFF_MODES:
            image.save(buffer, "TIFF", compression="tiff_deflate", exif=image.getexif())
        else:
            plain = (
                image if image.mode in PNG_MODES else image.convert("RGBA" if "a" in image.mode else "RGB")
            )
            plain.save(buffer, "PNG", compress_level=1, exif=image.getexif())
    except (OSError, SyntaxError, ValueError, TypeError) as error:  # Pillow's, for broken files and tags
        raise DataError(f"the image cannot be read: {error}", hint="download or export it again") from error
    return buffer.getvalue()


def is_pixels(array: NDArray[Any]) -> bool:
    """Whether an array is an image rather than a feature: with channels, or (height, width) of integers."""
    return array.ndim > 2 or (array.ndim == 2 and array.dtype.kind in "iub")


def encode_pixels(pixels: NDArray[Any]) -> bytes:
    """The bytes of a PNG of an array: (height, width), or (height, width, channels) with 1, 3 or 4 channels.

    Integers are 8-bit values, 0 to 255; floats are shares of white, 0 to 1, as diffusers returns them.

    Raises:
        DataError: another shape, or values out of range.
    """
    shape = pixels.shape
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise DataError(
            f"an array of shape {shape} is no image", hint="give (height, width, 3), channels last, one image"
        )
    top = 1.0 if pixels.dtype.kind == "f" else 255
    if pixels.dtype.kind not in "fiub" or not (pixels.min() >= 0 and pixels.max() <= top):  # NaN too
        raise DataError(
            f"an image of {pixels.dtype} has values from {pixels.min()} to {pixels.max()}",
            hint="give integers from 0 to 255, or floats from 0 to 1",
        )
    scaled = np.rint(pixels * 255.0) if top == 1.0 else pixels * (255 if pixels.dtype.kind == "b" else 1)
    values = scaled.astype(np.uint8)
    return encode_image(Image.fromarray(values[..., 0] if shape[2:] == (1,) else values))
