"""JPEG pixels read in one call of libjpeg-turbo, where they are the ones that Pillow reads, to the bit.

Pillow's decoder is the same library, fed in pieces and copied line by line, which takes twice as long. The
exact transforms are asked for (no fast DCT, no fast upsampling), and whatever is not a complete colour JPEG
with one of the usual samplings is left to Pillow: grey, CMYK, damaged and truncated files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageFile

SAMPLINGS = ("444", "422", "420")
"""Chroma samplings that all versions of libjpeg-turbo upsample alike."""

SPACES = ("YCbCr", "RGB")
"""Colour spaces of a file that become RGB."""


def load_jpeg(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Read the pixels of `image`, opened from `data`; False where Pillow has to, and nothing is changed."""
    if image.format != "JPEG" or image.mode != "RGB":
        return False
    try:
        import simplejpeg
    except ImportError:  # of the extra `full`
        return False
    try:
        height, width, space, sampling = simplejpeg.decode_jpeg_header(data)
        if space not in SPACES or sampling not in SAMPLINGS or (width, height) != image.size:
            return False
        pixels = simplejpeg.decode_jpeg(data, "RGBX", fastdct=False, fastupsample=False)
    except ValueError:  # damaged: Pillow says how, or shows what is there
        return False
    image.im = Image.frombytes("RGB", image.size, pixels, "raw", "RGBX").im
    image.tile = []
    return True
