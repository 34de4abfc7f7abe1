"""Pixels of JPEG files: those that Pillow alone reads, to the bit, and Pillow's errors."""

import io

import numpy as np
import pytest
from attribase.runtime import BadImageError, decode, decode_image
from attribase.runtime.jpeg import load_jpeg
from PIL import Image


def photograph(size, seed=0):
    """Noise with large and small features, in colour."""
    rng = np.random.default_rng(seed)
    large = Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = rng.normal(0, 12, (size[1], size[0], 3))
    return Image.fromarray((np.asarray(large) + noise).clip(0, 255).astype(np.uint8))


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def by_pillow(data, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(decode, "load_jpeg", lambda *_: False)
        return np.asarray(decode_image(data))


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(64, 48), (33, 17), (1, 1), (15, 200), (257, 129)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}, {"restart_marker_rows": 1}])
def test_pixels_are_those_of_pillow(sampling, size, options, monkeypatch):
    data = jpeg(photograph(size), subsampling=sampling, **({"quality": 90} | options))
    image = decode.open_image(data)
    assert load_jpeg(image, data)
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(data))))
    assert np.array_equal(np.asarray(decode_image(data)), by_pillow(data, monkeypatch))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_turned_upright(orientation, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(photograph((40, 24)), exif=exif)
    assert np.array_equal(np.asarray(decode_image(data)), by_pillow(data, monkeypatch))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_are_left_to_pillow(mode):
    data = jpeg(photograph((40, 24)).convert(mode))
    assert not load_jpeg(decode.open_image(data), data)
    assert decode_image(data).mode == "RGB"


def test_an_rgb_file_without_colour_transform_is_read_alike(monkeypatch):
    data = jpeg(photograph((40, 24)), keep_rgb=True)
    assert load_jpeg(decode.open_image(data), data)
    assert np.array_equal(np.asarray(decode_image(data)), by_pillow(data, monkeypatch))


def test_a_truncated_file_is_pillows_error():
    data = jpeg(photograph((64, 64)))
    assert not load_jpeg(decode.open_image(data), data[: len(data) // 2])
    with pytest.raises(BadImageError) as caught:
        decode_image(data[: len(data) // 2])
    assert caught.value.reason == "truncated"


def test_damaged_pixels_are_what_pillow_makes_of_them(monkeypatch):
    data = bytearray(jpeg(photograph((64, 64))))
    data[len(data) // 2 : len(data) // 2 + 4] = b"\x12\x34\x56\x78"
    try:
        expected = by_pillow(bytes(data), monkeypatch)
    except BadImageError as error:
        with pytest.raises(BadImageError, match=str(error)):
            decode_image(bytes(data))
    else:
        assert np.array_equal(np.asarray(decode_image(bytes(data))), expected)


def test_what_follows_the_picture_is_not_looked_at(monkeypatch):
    data = jpeg(photograph((40, 24))) + b"another file"
    assert np.array_equal(np.asarray(decode_image(data)), by_pillow(data, monkeypatch))
