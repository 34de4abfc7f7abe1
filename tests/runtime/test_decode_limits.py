"""Pillow's own limit on pixels, a global of the process, decides nothing: the limit that is given does."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from attribase.runtime import BadImageError, decode_image
from attribase.runtime.decode import crop_image
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _a_low_limit_of_pillow(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_a_tiff_is_decoded_beyond_it(compression):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "TIFF", compression=compression)
    assert np.array_equal(np.asarray(decode_image(buffer.getvalue())), PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "PPM", "JPEG", "GIF", "AVIF"])
def test_other_formats_are_decoded_beyond_it(kind):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    found = np.asarray(decode_image(buffer.getvalue()))
    assert found.shape == PIXELS.shape
    assert kind in ("JPEG", "GIF", "AVIF") or np.array_equal(found, PIXELS)


def test_windows_are_cut_beyond_it():
    image = Image.fromarray(PIXELS)
    for box in ((3, 4, 5, 6), (1, 2, 39, 22)):
        left, top, right, bottom = box
        assert np.array_equal(np.asarray(crop_image(image, box)), PIXELS[top:bottom, left:right])


def test_gigapixels_are_refused_from_the_header_and_named():
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    with pytest.raises(BadImageError, match="2147483647 x 2147483647 pixels are more than") as error:
        decode_image(data, pixel_limit=10**9)
    assert error.value.reason == "too-many-pixels"
