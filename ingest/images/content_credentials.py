"""Whether an image file holds a C2PA manifest ("content credentials"), by walking its container.

A manifest is a JUMBF box in segment APP11 of JPEG, a chunk `caBX` of PNG, a chunk `C2PA` of WebP, a `uuid` or
`jumb` box of AVIF, HEIF, JPEG XL and JPEG 2000, or tag 52545 of TIFF. Nothing of it is parsed or verified.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress

from PIL.TiffImagePlugin import ImageFileDirectory_v2

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
TIFF_TAG = 52545
MOST_PARTS = 10_000
"""Segments, chunks or boxes that are looked at: real files have far fewer before their pixels end."""


def has_content_credentials(data: bytes) -> bool:
    """Whether `data`, an image file, holds a C2PA manifest. False for broken files."""
    with suppress(struct.error, IndexError, ValueError, SyntaxError, OSError, KeyError, TypeError):
        if data.startswith(b"\xff\xd8"):
            return _in_jpeg(data)
        if data.startswith(b"\x89PNG"):
            return _in_png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _in_webp(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            directory = ImageFileDirectory_v2(data[:8])
            file = io.BytesIO(data)
            file.seek(directory.next)
            directory.load(file)
            return TIFF_TAG in directory
        if data[4:8] in (b"ftyp", b"JXL ", b"jP  "):
            return _in_boxes(data)
    return False


def _in_jpeg(data: bytes) -> bool:
    at = 2
    for _ in range(MOST_PARTS):
        mark, kind, size = struct.unpack_from(">BBH", data, at)
        if mark != 0xFF or kind in (0xDA, 0xD9):  # the pixels begin
            return False
        body = data[at + 4 : at + 2 + size]
        if kind == 0xEB and body[:2] == b"JP" and b"jumb" in body[:32] and b"c2pa" in body[:256]:
            return True
        at += 2 + size
    return False


def _in_png(data: bytes) -> bool:
    at = 8
    for _ in range(MOST_PARTS):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"caBX":
            return True
        if name == b"IEND":
            return False
        at += 12 + size
    return False


def _in_webp(data: bytes) -> bool:
    at = 12
    for _ in range(MOST_PARTS):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"C2PA":
            return True
        at += 8 + size + size % 2
    return False


def _in_boxes(data: bytes) -> bool:
    at = 0
    for _ in range(MOST_PARTS):
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        if name == b"uuid" and data[at + head : at + head + 16] == C2PA_UUID:
            return True
        if name == b"jumb" and b"c2pa" in data[at : at + 256]:
            return True
        if size < head:  # 0: the last box
            return False
        at += size
    return False
