"""The compiled resize gives Pillow's pixels, whatever the size, and preprocessing's numbers."""

import io

import numpy as np
import pytest
from attribase.ingest.embed.resize import vertical_first, write_pixels
from attribase.runtime import Preprocessing
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

BYTES = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}  # pixels come out as they are


def noise(width, height, seed=0):
    """Every value next to every other: overshoots and rounding show."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def written(image, preprocessing):
    out = np.full((3, preprocessing.size, preprocessing.size), np.nan, np.float32)
    write_pixels(image, preprocessing, out)
    return out


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 90),
    st.one_of(st.none(), st.integers(0, 30)),
    st.sampled_from(["bilinear", "bicubic", "lanczos", "nearest"]),
)
def test_pixels_are_those_of_pillow_to_the_bit(width, height, size, margin, interpolation):
    preprocessing = Preprocessing(size, None if margin is None else size + margin, interpolation, **BYTES)
    image = noise(width, height)
    expected = np.asarray(preprocessing.crop(image), np.float32).transpose(2, 0, 1)
    assert np.array_equal(written(image, preprocessing).round(3), expected)


@pytest.mark.parametrize("size", [(512, 512), (640, 427), (427, 640), (200, 900), (2500, 2500), (31, 45)])
def test_the_usual_preprocessing_of_the_usual_sizes(size):
    preprocessing = Preprocessing(224, 248, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    image = noise(*size)
    assert np.abs(written(image, preprocessing) - preprocessing(image)).max() < 1e-6


def test_very_tall_pictures_are_squeezed_before_they_are_narrowed():
    """As Pillow does since release 13; that the two orders differ is what makes the order matter."""
    assert not vertical_first((512, 512), (224, 224))
    assert not vertical_first((10, 10), (224, 224))
    if vertical_first((100, 900), (80, 80)):
        image, preprocessing = noise(100, 900), Preprocessing(80, None, **BYTES)
        narrowed = image.resize((80, 900), Image.Resampling.BICUBIC)
        other = np.asarray(narrowed.resize((80, 80), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
        assert (written(image, preprocessing).round() != other).any()


@pytest.mark.parametrize(
    ("width", "height", "size"), [(2, 272, 1), (2, 233, 52), (1, 101, 3), (2, 200, 5), (2, 201, 1)]
)
def test_very_tall_and_narrow_pictures_are_pillows_too(width, height, size):
    image = noise(width, height)
    for interpolation in ("bilinear", "bicubic", "lanczos"):
        preprocessing = Preprocessing(size, None, interpolation, **BYTES)
        expected = np.asarray(preprocessing.crop(image), np.float32).transpose(2, 0, 1)
        assert np.array_equal(written(image, preprocessing).round(3), expected)


def test_jpegs_own_downscaling_would_be_too_far_off():
    """Why decoding does not use it, though it is faster: pixels may differ by one step at most."""
    picture = noise(64, 64).resize((512, 512), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    whole, scaled = Image.open(buffer), Image.open(io.BytesIO(buffer.getvalue()))
    scaled.draft("RGB", (224, 224))
    assert scaled.size == (256, 256)
    preprocessing = Preprocessing(224, 224, **BYTES)
    exact, cheap = (preprocessing(image.convert("RGB")) for image in (whole, scaled))
    assert np.abs(exact - cheap).max() > 1.5
