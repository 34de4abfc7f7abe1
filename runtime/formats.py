"""Image formats: which are decoded here, which need the extra `formats`, how bytes show their format."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec

from PIL import features

# Raster formats only: Pillow would also open EPS (which runs Ghostscript), PDF stubs, fonts and the like. TGA
# is left out: it has no signature, so that many bytes that are no picture pass for one.
BUILT_IN = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000")
"""The formats that Pillow decodes by itself, by Pillow's names."""

AT_HAND = ("PNG", "JPEG", "GIF", "BMP", "PPM")
"""Those of them that Pillow loads before all others."""

PLUGINS: Mapping[str, str] = {"HEIF": "pillow_heif", "JXL": "pillow_jxl"}
"""By format, the module that decodes it; the extra `formats` installs them."""

EXTRA = 'pip install "attribase[formats]"'
"""The command that installs the plug-ins."""

ENDINGS: Mapping[str, str] = {
    "png": "PNG",
    "apng": "PNG",
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "jpe": "JPEG",
    "jfif": "JPEG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "dib": "BMP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "avif": "AVIF",
    "avifs": "AVIF",
    "ppm": "PPM",
    "pgm": "PPM",
    "pbm": "PPM",
    "pnm": "PPM",
    "jp2": "JPEG2000",
    "j2k": "JPEG2000",
    "jpx": "JPEG2000",
    "jpf": "JPEG2000",
    "j2c": "JPEG2000",
    "jpc": "JPEG2000",
    "heic": "HEIF",
    "heif": "HEIF",
    "hif": "HEIF",
    "jxl": "JXL",
}
"""By ending of a file's name in lower case, the format that it promises."""

HEAD_BYTES = 64
"""How many first bytes `recognise` needs."""

_SIGNATURES = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("BMP", re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)),
    ("JXL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")),
    ("JPEG2000", re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n")),
    ("AVIF", re.compile(rb".{4}ftyp(avif|avis|(mif1|msf1|miaf).{0,40}avi[fs])", re.DOTALL)),
    ("HEIF", re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)),
    ("PPM", re.compile(rb"P[1-6][ \t\r\n]+[#\d]")),
)


def recognise(head: bytes) -> str:
    """The format of an image by its first bytes, by Pillow's names; empty when they are no known image's."""
    return next((name for name, signature in _SIGNATURES if signature.match(head)), "")


@cache
def decodable() -> tuple[str, ...]:
    """The formats that are decoded in this installation; loads the plug-ins that are there."""
    missing = {"JPEG2000": "jpg_2000", "AVIF": "avif", "WEBP": "webp"}
    built_in = [name for name in BUILT_IN if name not in missing or features.check(missing[name])]
    return (*built_in, *(name for name, module in PLUGINS.items() if _load(name, module)))


def _load(name: str, module: str) -> bool:
    if find_spec(module) is None:
        return False
    plugin = importlib.import_module(module)  # pillow_jxl registers itself on import
    if name == "HEIF":
        plugin.register_heif_opener()
    return True
