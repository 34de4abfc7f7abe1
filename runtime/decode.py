"""Encoded bytes to an RGB image, with the size checked before a pixel is decoded.

The result is what an image viewer shows. Published code opens a file with `Image.open(file).convert("RGB")`,
and so does this, except where the result of that differs from what a viewer shows:

- Grey of more than 8 bits and floats are scaled to 8 bits (`pixel_types`); converting them clips at 255.
- Transparent pixels are composited over white, as in LAION's images; converting drops the alpha channel and
  shows the colours under it.
- The EXIF orientation is applied.
- Colours are converted to sRGB from an embedded ICC profile (`color_profiles`), unless they are ignored.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFile, ImageOps

from ..store.errors import DataError
from .color_profiles import IGNORE, SRGB, convert_to_srgb, lab_to_rgb
from .formats import AT_HAND, BUILT_IN, EXTRA, HEAD_BYTES, decodable, recognise
from .jpeg import load_jpeg
from .pixel_types import PixelTypeError, apply_deep_key, check_type, scale_grey_key, to_bytes

if TYPE_CHECKING:
    from ..store import Store

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
    ArithmeticError,
    RuntimeError,  # the plug-ins and AVIF's decoder
    struct.error,
    zlib.error,
)


class BadImageError(DataError):
    """Bytes that are no usable image.

    `reason`: 'empty', 'not-an-image', 'unsupported-format', 'truncated', 'too-many-pixels' or 'pixel-type'.
    """

    def __init__(self, message: str, *, reason: str = "not-an-image", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


def decode_image(data: bytes, pixel_limit: int = PIXEL_LIMIT, *, profiles: str = SRGB) -> Image.Image:
    """Decode `data` to RGB: upright (EXIF orientation applied), sRGB, transparency over white, first frame.

    Args:
        data: the encoded image.
        pixel_limit: the most pixels that are decoded.
        profiles: 'srgb' converts colours from an embedded ICC profile; 'ignore' leaves them as they are in
            the file, as published code does.

    Raises:
        BadImageError: with `reason` 'empty', 'not-an-image', 'unsupported-format' (a plug-in is missing),
            'too-many-pixels' (width * height above `pixel_limit`, known from the header alone), 'truncated'
            (the header or the pixels do not read) or 'pixel-type' (black and white are not defined).
    """
    return decode_first_frame(data, pixel_limit, profiles=profiles)[0]


def decode_first_frame(
    data: bytes, pixel_limit: int = PIXEL_LIMIT, *, profiles: str = SRGB
) -> tuple[Image.Image, bool]:
    """The image as `decode_image` gives it, and whether the file holds more frames or pages than that one."""
    image = open_image(data)
    width, height = image.size
    if width * height > pixel_limit:
        raise _too_many_pixels(f"{width} x {height} pixels are more than {pixel_limit:,}")
    try:
        more = _has_more(image)
        profile = None if profiles == IGNORE else image.info.get("icc_profile")
        return _to_rgb(_load(image, data), profile), more
    except PixelTypeError as error:
        message = f"the image has no defined black and white: {error}"
        raise BadImageError(message, reason="pixel-type", hint=error.hint) from error
    except MemoryError as error:
        raise _too_many_pixels(f"there was not enough memory for {width} x {height} pixels") from error
    except Image.DecompressionBombError as error:  # a frame larger than the image
        raise _too_many_pixels(str(error)) from error
    except _BROKEN as error:
        raise BadImageError(
            f"the image cannot be decoded: {_one_line(error)}", reason="truncated", hint=_HINT
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def stored_pixel_limit(store: Store) -> int:
    """The limit for images of `store`: `PIXEL_LIMIT`, or the size of the largest one that ingest let in."""
    where = f"cast(width as bigint) * height > {PIXEL_LIMIT} and bytes is not null"
    rows = store.read("images", ["width", "height"], where).to_pylist()
    return max([PIXEL_LIMIT, *(int(row["width"]) * int(row["height"]) for row in rows)])


def open_image(data: bytes) -> ImageFile.ImageFile:
    """The image of `data` with its header read and no pixel decoded, whatever its size.

    As `PIL.Image.open` does it, but without Pillow's limit of 179 megapixels: that is a global of the
    process, which a library must not set for everyone.

    Raises:
        BadImageError: with `reason` 'empty', 'not-an-image', 'unsupported-format', 'truncated', 'pixel-type'.
    """
    if not data:
        raise BadImageError("the image has no bytes", reason="empty", hint=_HINT)
    problem = ""
    for name in _formats_of(data):
        if name not in Image.OPEN:
            Image.init()
        factory, accept = Image.OPEN[name]
        if accept and accept(data[:16]) is not True:
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:  # another format may accept it
            problem = problem or str(error)
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(str(error)) from error
        except _BROKEN as error:
            message = f"the image's header is broken: {_one_line(error)}"
            raise BadImageError(message, reason="truncated", hint=_HINT) from error
    raise _unknown_format(data, problem)


def _formats_of(data: bytes) -> Iterator[str]:
    """The formats to try: first that which the first bytes show, so that no other plug-in need be loaded."""
    shown = recognise(data[:HEAD_BYTES])
    if shown in AT_HAND:
        Image.preinit()
        yield shown
    yield from (name for name in decodable() if name != shown or shown not in AT_HAND)


def _unknown_format(data: bytes, problem: str) -> BadImageError:
    """Say whether the bytes are no image, a broken one, or one that needs a plug-in or has unknown pixels."""
    name = recognise(data[:HEAD_BYTES])
    if not name:
        return BadImageError("the bytes are in no known image format", hint=f"use {', '.join(BUILT_IN)}")
    if name in decodable() and problem == "unknown pixel mode":
        message = f"the {name} image has pixels of a type that is not read here"
        return BadImageError(message, reason="pixel-type", hint="save it with 8 or 16 bits a channel")
    if name in decodable():
        return BadImageError(f"the header of the {name} image is broken", reason="truncated", hint=_HINT)
    return BadImageError(
        f"{name} images are not decoded in this installation: {EXTRA}",
        reason="unsupported-format",
        hint=f"{EXTRA}, or convert the image to PNG",
    )


def crop_image(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """`image.crop(box)` without Pillow's limit on pixels; `box` (left, top, right, bottom) lies inside."""
    left, top, right, bottom = box
    if _allowed_by_pillow((right - left) * (bottom - top)):
        return image.crop(box)
    return Image.fromarray(np.asarray(image)[top:bottom, left:right])


def _load(image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Decode the pixels of `image`, opened from `data`, and turn it upright: 8 bits a channel."""
    check_type(image)
    key = image.info.get("transparency")
    canvas = getattr(image, "_tile_size", image.size)
    if image.format == "TIFF" and not _allowed_by_pillow(canvas[0] * canvas[1]):
        image.im = Image.new(image.mode, canvas).im  # the limit is asked only where Pillow allocates them
    if not load_jpeg(image, data):
        image.load()
    if image.format != "JXL":  # its decoder has turned it already, and left the tag as it was
        ImageOps.exif_transpose(image, in_place=True)  # in place: a copy costs as much as decoding
    if image.format == "PNG" and key is not None:
        scale_grey_key(image, data)
        if image.mode == "RGB" and data[24] == 16 and isinstance(key, tuple):
            return apply_deep_key(image, _lower_bytes(data), key)
    return to_bytes(image)


def _lower_bytes(data: bytes) -> Image.Image:
    """The lower bytes of a 16-bit RGB PNG: what is left of its numbers when they are read backwards."""
    image = open_image(data)
    image.tile = [tile._replace(args="RGB;16L") for tile in image.tile]
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _allowed_by_pillow(pixels: int) -> bool:
    """Whether so many pixels are within Pillow's own limit, above which it warns and then fails."""
    return Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS


def _has_more(image: Image.Image) -> bool:
    """Whether it is animated or has pages. Previews and depth maps in a phone's photo do not count."""
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except _BROKEN:  # a broken second frame does not spoil the first
        return False


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB over white; colours are converted from `profile` before anything is laid over anything."""
    if image.mode == "LAB":
        return lab_to_rgb(image)
    grey = image.mode in ("1", "L", "LA", "La")
    if not image.has_transparency_data:
        colour = image.convert("L") if grey else _colour(image)
        return convert_to_srgb(colour, profile) or colour.convert("RGB")
    layer = image.convert("RGBA")
    if profile:
        colour = layer.getchannel("R") if grey else layer.convert("RGB")
        if converted := convert_to_srgb(colour, profile):
            converted.putalpha(layer.getchannel("A"))
            layer = converted
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layer).convert("RGB")


def _colour(image: Image.Image) -> Image.Image:
    return image if image.mode in ("RGB", "CMYK") else image.convert("RGB")


def _too_many_pixels(message: str) -> BadImageError:
    hint = "shrink the image first, or raise the pixel limit if you trust where it is from"
    return BadImageError(message, reason="too-many-pixels", hint=hint)
