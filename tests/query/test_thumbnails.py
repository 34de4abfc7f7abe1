"""Thumbnails: their size, their format, and what cannot be one."""

import io

import numpy as np
import pytest
from attribase.query.thumbnails import PNG_SIDE, make_thumbnail
from attribase.store.errors import DataError
from PIL import Image


def png(width, height):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("size", "side", "expected", "kind"),
    [
        ((200, 100), 100, (100, 50), "JPEG"),
        ((100, 200), 100, (50, 100), "JPEG"),
        ((200, 100), PNG_SIDE, (PNG_SIDE, PNG_SIDE // 2), "PNG"),
        ((40, 30), 1000, (40, 30), "PNG"),
        ((90, 70), 1000, (90, 70), "JPEG"),
    ],
)
def test_a_thumbnail_fits_its_side_and_is_never_enlarged(size, side, expected, kind):
    data, media_type = make_thumbnail(png(*size), side)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, image.format, media_type) == (expected, kind, f"image/{kind.lower()}")


def test_small_images_keep_their_pixels():
    data, _ = make_thumbnail(png(12, 12), 12)
    with Image.open(io.BytesIO(data)) as small, Image.open(io.BytesIO(png(12, 12))) as original:
        assert np.array_equal(np.asarray(small), np.asarray(original))


@pytest.mark.parametrize(("data", "limit"), [(b"no image", None), (png(20, 20), 399), (b"", None)])
def test_what_is_no_image_or_too_large_is_a_data_error(data, limit):
    with pytest.raises(DataError):
        make_thumbnail(data, 64, limit)
