"""Decodes damaged files of every format: python decoding.py COUNT SEED [FIRST]. Prints what came of them.

A process of its own: a decoder that crashes ends it, and its memory can be measured. Before each file it
writes the number of the file on stderr, so that the last one names the file that ended it.
"""

import io
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from attribase.runtime.decode import BadImageError, decode_first_frame
from attribase.runtime.formats import decodable
from PIL import Image

PIXEL_LIMIT = 4_000_000
NUMBERS = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFF, 65537)
OUTCOMES = {
    "decoded",
    "pixel-type",
    "empty",
    "not-an-image",
    "unsupported-format",
    "truncated",
    "too-many-pixels",
}
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0"
VARIANTS = {
    "PNG": ({"mode": "RGB"}, {"mode": "P"}, {"mode": "I;16"}, {"mode": "LA"}, {"mode": "1"}, {"frames": 2}),
    "JPEG": (
        {},
        {"progressive": True},
        {"mode": "CMYK"},
        {"mode": "L"},
        {"exif": EXIF},
    ),
    "WEBP": ({}, {"lossless": True, "mode": "RGBA"}, {"frames": 3}),
    "GIF": ({"mode": "P"}, {"mode": "P", "frames": 3}),
    "BMP": ({}, {"mode": "P"}, {"mode": "1"}),
    "TIFF": (
        {},
        {"compression": "tiff_lzw"},
        {"compression": "jpeg"},
        {"mode": "I;16"},
        {"mode": "F"},
        {"mode": "CMYK"},
        {"frames": 2},
    ),
    "AVIF": ({}, {"frames": 2}),
    "PPM": ({}, {"mode": "L"}, {"mode": "1"}),
    "JPEG2000": ({}, {"mode": "L"}),
    "HEIF": ({},),
    "JXL": ({},),
}
"""By format, how files of it are written."""


def write(form: str, mode: str = "RGB", frames: int = 1, side: int = 24, **options: object) -> bytes:
    """A small picture of a format."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(frames):
        picture = Image.fromarray(rng.integers(0, 256, (side, side + 3, 3), dtype=np.uint8))
        deep = {"I;16": lambda one: one.convert("I").convert("I;16"), "F": _share}
        pictures.append(deep.get(mode, lambda one: one.convert(mode))(picture))
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    out = io.BytesIO()
    pictures[0].save(out, form, **more, **options)
    return out.getvalue()


def _share(picture: Image.Image) -> Image.Image:
    """Grey from 0 to 1."""
    return Image.fromarray(np.asarray(picture.convert("L"), np.float32) / 255)


def files() -> list[tuple[str, bytes]]:
    """(format, whole file) of every variant that this installation can write."""
    found = decodable()
    assert set(found) <= set(VARIANTS), "a format without files to damage"
    return [(form, write(form, **variant)) for form in found for variant in VARIANTS[form]]


def damage(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """`data` with up to eight changes: bits, bytes, numbers, pieces cut out, doubled or of another file."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        head = rng.random() < 0.6
        at = min(int(rng.expovariate(1 / 80)) if head else rng.randrange(len(made)), len(made) - 1)
        length = rng.choice((1, 2, 4, 8, 64, 500))
        kind = rng.randrange(8)
        if kind == 0:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            made[at : at + 4] = rng.choice(NUMBERS).to_bytes(4, rng.choice(("big", "little")))
        elif kind == 3:
            del made[at : at + length]
        elif kind == 4:
            made[at:at] = made[at : at + length] * rng.choice((1, 2, 50))
        elif kind == 5:
            del made[at:]
        elif kind == 6:
            start = rng.randrange(len(other))
            made[at : at + length] = other[start : start + length]
        else:
            made[at : at + length] = bytes(length)
        if not made:
            break
    return bytes(made)


def outcome(data: bytes) -> str:
    """What comes of a file: 'decoded', or the reason why it is none. Anything else is raised."""
    try:
        image, _ = decode_first_frame(data, PIXEL_LIMIT)
    except BadImageError as error:
        return error.reason if str(error) else "without a message"
    assert image.mode == "RGB", image.mode
    assert 0 < image.width * image.height <= PIXEL_LIMIT, image.size
    assert len(image.tobytes()) == 3 * image.width * image.height
    return "decoded"


def main() -> None:
    count, seed, first = int(sys.argv[1]), int(sys.argv[2]), int((*sys.argv, 0)[3])
    whole = files()
    for form, data in whole:
        assert outcome(data) == "decoded", form
    outcomes: Counter[str] = Counter()
    failures: dict[int, str] = {}
    for number in range(first, count):
        rng = random.Random(f"{seed} {number}")
        form, data = whole[number % len(whole)]
        damaged = damage(data, rng.choice(whole)[1], rng)
        sys.stderr.write(f"{number}\n")
        try:
            found = outcome(damaged)
            outcomes[f"{form} {found}"] += 1
            assert found in OUTCOMES, found
        except Exception as error:
            failures[number] = f"{form}: {type(error).__name__}: {error}"
    status = Path("/proc/self/status").read_text()  # `ru_maxrss` is that of the process that started this one
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10
    sys.stdout.write(json.dumps({"outcomes": outcomes, "failures": failures, "peak": peak}))


if __name__ == "__main__":
    main()
