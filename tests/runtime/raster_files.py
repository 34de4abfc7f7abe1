"""Image files written byte by byte, of the pixel types that Pillow reads and does not write."""

import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Colour types of PNG."""


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(values, bits: int, colour: int, *chunks: bytes) -> bytes:
    """A PNG of `values` (height, width) or (height, width, channels), with `chunks` before the pixels."""
    height, width = values.shape[:2]
    rows = values.reshape(height, -1)
    if bits == 16:
        packed = [row.astype(">u2").tobytes() for row in rows]
    else:
        places = np.arange(bits - 1, -1, -1)
        packed = [np.packbits((row[:, None] >> places & 1).astype(np.uint8)).tobytes() for row in rows]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(chunks)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in packed)))
        + chunk(b"IEND", b"")
    )


def tiff(data: bytes, size, bits, *, order: str = "<", photometric=1, sample_format=1, extra=()) -> bytes:
    """An uncompressed TIFF of one strip: `data` is its pixels, `bits` has one number a channel."""
    width, height = size
    short, long = 3, 4
    tags = [
        (256, long, [width]),
        (257, long, [height]),
        (258, short, list(bits)),
        (259, short, [1]),
        (262, short, [photometric]),
        (273, long, [8]),
        (277, short, [len(bits)]),
        (278, long, [height]),
        (279, long, [len(data)]),
        (338, short, list(extra)),
        (339, short, [sample_format] * len(bits)),
    ]
    tags = [tag for tag in tags if tag[2]]
    body = data + b"\0" * (len(data) % 2)
    directory = 8 + len(body)
    beyond = directory + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for number, kind, numbers in tags:
        packed = struct.pack(order + {short: "H", long: "I"}[kind] * len(numbers), *numbers)
        if len(packed) > 4:
            where, values = struct.pack(order + "I", beyond + len(values)), values + packed
        else:
            where = packed.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", number, kind, len(numbers)) + where
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return (
        mark
        + struct.pack(order + "I", directory)
        + body
        + struct.pack(order + "H", len(tags))
        + entries
        + b"\0\0\0\0"
        + values
    )
