"""Encoded bytes to an RGB image, with the size checked before a pixel is decoded.

The result is what an image viewer shows. Published code opens a file with `Image.open(file).convert("RGB")`,
and so does this, except in three cases, where the result of that differs from what a viewer shows:

- 16-bit grey is scaled to 8 bits; converting it clips at 255, and all but the darkest 0.4 % become white.
- Transparent pixels are composited over white, as in LAION's images; converting drops the alpha channel and
  shows the colours under it.
- The EXIF orientation is applied.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..store.errors import DataError
from .formats import BUILT_IN, EXTRA, HEAD_BYTES, decodable, recognise

PIXEL_LIMIT = 64_000_000
"""Default limit on width * height: 64 megapixels, about 190 MB once decoded."""

_HINT = "download or export it again"

# What Pillow's decoders raise on broken bytes, each other ones.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)


class BadImageError(DataError):
    """Bytes that are no usable image.

    `reason`: 'empty', 'not-an-image', 'unsupported-format', 'truncated' or 'too-many-pixels'.
    """

    def __init__(self, message: str, *, reason: str = "not-an-image", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


def decode_image(data: bytes, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """Decode `data` to RGB: upright (EXIF orientation applied), transparency over white, first frame.

    Raises:
        BadImageError: with `reason` 'empty', 'not-an-image', 'unsupported-format' (a plug-in is missing),
            'too-many-pixels' (width * height above `pixel_limit`, known from the header alone) or 'truncated'
            (the header or the pixels do not read).
    """
    return decode_first_frame(data, pixel_limit)[0]


def decode_first_frame(data: bytes, pixel_limit: int = PIXEL_LIMIT) -> tuple[Image.Image, bool]:
    """The image as `decode_image` gives it, and whether the file holds more frames or pages than that one."""
    if not data:
        raise BadImageError("the image has no bytes", reason="empty", hint=_HINT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `pixel_limit` decides instead
        image = _open(data)
        width, height = image.size
        if width * height > pixel_limit:
            raise _too_many_pixels(f"{width} x {height} pixels are more than {pixel_limit:,}")
        try:
            more = _has_more(image)
            image.load()
            if image.format != "JXL":  # its decoder has turned it already, and left the tag as it was
                ImageOps.exif_transpose(image, in_place=True)  # in place: a copy costs as much as decoding
            return _to_rgb(image), more
        except (*_BROKEN, Image.DecompressionBombError) as error:
            raise BadImageError(
                f"the image cannot be decoded: {error}", reason="truncated", hint=_HINT
            ) from error


def _open(data: bytes) -> Image.Image:
    """Read the header. Pillow has a limit of its own, about 179 megapixels, whatever `pixel_limit` is."""
    try:
        return Image.open(io.BytesIO(data), formats=decodable())
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(str(error)) from error
    except UnidentifiedImageError as error:
        raise _unknown_format(data) from error
    except _BROKEN as error:
        raise BadImageError(
            f"the image's header is broken: {error}", reason="truncated", hint=_HINT
        ) from error


def _unknown_format(data: bytes) -> BadImageError:
    """Say whether the bytes are no image, a broken one, or one that needs a plug-in."""
    name = recognise(data[:HEAD_BYTES])
    if not name:
        return BadImageError("the bytes are in no known image format", hint=f"use {', '.join(BUILT_IN)}")
    if name in decodable():
        return BadImageError(f"the header of the {name} image is broken", reason="truncated", hint=_HINT)
    return BadImageError(
        f"{name} images are not decoded in this installation: {EXTRA}",
        reason="unsupported-format",
        hint=f"{EXTRA}, or convert the image to PNG",
    )


def _has_more(image: Image.Image) -> bool:
    """Whether it is animated or has pages. Previews and depth maps in a phone's photo do not count."""
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except _BROKEN:  # a broken second frame does not spoil the first
        return False


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling
        deep = np.asarray(image, dtype=np.int64).clip(0, 65535)
        image = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _too_many_pixels(message: str) -> BadImageError:
    hint = "shrink the image first, or raise the pixel limit if you trust where it is from"
    return BadImageError(message, reason="too-many-pixels", hint=hint)
