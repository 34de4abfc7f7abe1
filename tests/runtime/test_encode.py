"""Images in memory as files: what comes back is what a viewer shows of them."""

import io

import numpy as np
import pytest
from attribase.runtime import decode_image
from attribase.runtime.encode import encode_image, encode_pixels, is_pixels
from attribase.store import DataError
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "RGBa"]
)
def test_an_image_of_each_mode_decodes_to_what_pillow_shows(mode):
    image = Image.fromarray(RGB).convert("RGBA").convert(mode) if mode == "RGBa" else None
    if image is None:
        image = (
            Image.merge("LAB", Image.fromarray(RGB).split())
            if mode == "LAB"
            else Image.fromarray(RGB).convert(mode)
        )
    found = np.asarray(decode_image(encode_image(image)), int)
    if mode == "LAB":
        plain = io.BytesIO()
        image.save(plain, "TIFF")
        assert (found == np.asarray(decode_image(plain.getvalue()), int)).all()
    else:
        assert np.abs(found - np.asarray(image.convert("RGB"), int)).max() <= 1


def test_an_opened_file_and_its_bytes_decode_alike_with_profile_and_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    profile = Image.open(io.BytesIO(encode_image(Image.fromarray(RGB)))).info.get("icc_profile")
    Image.fromarray(RGB).save(buffer, "JPEG", quality=95, exif=exif, icc_profile=profile)
    ours = decode_image(encode_image(Image.open(io.BytesIO(buffer.getvalue()))))
    direct = decode_image(buffer.getvalue())
    assert direct.size == (6, 9)
    assert np.array_equal(ours, direct)


def test_a_profile_is_kept():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = Image.fromarray(RGB)
    image.info["icc_profile"] = profile
    assert Image.open(io.BytesIO(encode_image(image))).info["icc_profile"] == profile


@pytest.mark.parametrize(
    "array",
    [
        RGB,
        RGB[..., :1],
        RGB[..., 0],
        RGB / 255.0,
        (RGB / 255.0).astype(np.float32),
        RGB.astype(np.int64),
        RGB > 127,
    ],
)
def test_an_array_of_pixels_decodes_to_its_values(array):
    wanted = np.asarray(array, float) * {"f": 255, "b": 255}.get(array.dtype.kind, 1)
    wanted = wanted.reshape(6, 9, -1) * np.ones(3)
    assert np.array_equal(np.asarray(decode_image(encode_pixels(array))), np.rint(wanted).astype(int))


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 6, 9, 3)), "no image"),
        (np.zeros((3, 6, 9)), "no image"),
        (np.zeros((0, 9, 3)), "no image"),
        (RGB.astype(float), "values from"),
        (RGB.astype(int) - 200, "values from"),
        (np.full((4, 4, 3), np.nan), "values from"),
    ],
)
def test_an_array_that_is_no_picture_is_refused(array, reason):
    with pytest.raises(DataError, match=reason) as caught:
        encode_pixels(array)
    assert caught.value.hint


def test_a_truncated_file_is_an_error():
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(np.repeat(RGB, 20, 0), 20, 1)).save(buffer, "JPEG")
    with pytest.raises(DataError, match="cannot be read"):
        encode_image(Image.open(io.BytesIO(buffer.getvalue()[:-400])))


def test_features_are_no_pixels():
    assert not is_pixels(np.zeros(512, np.float32))
    assert not is_pixels(np.zeros((1, 512), np.float32))
    assert is_pixels(RGB)
    assert is_pixels(RGB[..., 0])
