import io
import pickle
import struct
import zlib

import numpy as np
import pytest
from attribase.runtime import BadImageError, decode_image
from attribase.runtime.decode import decode_first_frame
from attribase.runtime.formats import decodable
from attribase.store.errors import DataError
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_lossless_formats_come_back_as_they_were(picture, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(np.asarray(decode_image(encoded(picture, kind, **options))), np.asarray(picture))


def test_transparency_is_laid_over_white():
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    decoded = decode_image(encoded(image))
    assert decoded.getpixel((0, 0)) == (255, 0, 0)
    assert decoded.getpixel((3, 3)) == (255, 255, 255)


def test_palette_transparency_is_laid_over_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((1, 1), 1)
    decoded = decode_image(encoded(image, transparency=0))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 1)) == (10, 20, 30)


def test_sixteen_bit_grey_is_scaled_not_clipped():
    image = Image.fromarray(np.array([[0, 32896, 65535]], dtype=np.uint16))
    assert np.asarray(decode_image(encoded(image)))[0, :, 0].tolist() == [0, 128, 255]


def test_orientation_of_the_camera_is_applied(picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert decode_image(encoded(picture, "JPEG", exif=exif)).size == (24, 40)


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not-an-image"),
    ],
)
def test_what_is_no_image_is_named(data, reason):
    with pytest.raises(BadImageError) as error:
        decode_image(data)
    assert error.value.reason == reason
    assert isinstance(error.value, DataError)
    assert error.value.hint


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_every_cut_gives_an_image_or_a_reason(picture, kind):
    whole = encoded(picture, kind)
    reasons = set()
    for end in range(1, len(whole), max(1, len(whole) // 60)):
        try:
            decode_image(whole[:end])
        except BadImageError as error:
            reasons.add(error.reason)
    assert "truncated" in reasons
    assert reasons <= {"truncated", "not-an-image"}


@pytest.mark.parametrize("side", [9_000, 100_000])
def test_a_bomb_is_refused_from_its_header(side):
    """A PNG of a few bytes that says it is huge: beyond our limit, and beyond Pillow's own."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    with pytest.raises(BadImageError) as error:
        decode_image(bomb)
    assert error.value.reason == "too-many-pixels"


def test_the_limit_is_on_pixels_and_inclusive(picture):
    data = encoded(picture)
    assert decode_image(data, pixel_limit=24 * 40).size == (40, 24)
    with pytest.raises(BadImageError, match="40 x 24"):
        decode_image(data, pixel_limit=24 * 40 - 1)


def test_the_reason_survives_a_worker_process():
    error = BadImageError("broken", reason="truncated", hint="again")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason, again.hint) == ("broken", "truncated", "again")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_of_several_frames_is_decoded_and_the_rest_is_told(kind):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if kind == "WEBP" else {}
    image, more = decode_first_frame(
        encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    )
    assert more
    assert image.getpixel((3, 3)) == (255, 0, 0)
    assert decode_first_frame(encoded(frames[0], kind, **options))[1] is False


def test_a_picture_beside_a_photo_is_no_second_frame():
    """Phones store previews and depth maps that way."""
    photo, preview = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (4, 3), "red")
    data = encoded(photo, "MPO", save_all=True, append_images=[preview])
    assert Image.open(io.BytesIO(data)).is_animated
    assert decode_first_frame(data)[1] is False


@pytest.mark.parametrize("kind", ["AVIF", "JXL"])
def test_what_other_decoders_raise_on_broken_bytes_is_a_bad_image_too(kind):
    if kind not in decodable():
        pytest.skip(f"{kind} is not decoded in this installation")
    out = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert("RGB").save(out, kind)
    broken = bytearray(out.getvalue())
    pixels = broken.index(b"mdat") + 4 if kind == "AVIF" else len(broken) // 2
    broken[pixels : pixels + 60] = bytes(60)
    with pytest.raises(BadImageError) as error:
        decode_image(bytes(broken))
    assert error.value.reason == "truncated"
    assert isinstance(error.value.__cause__, RuntimeError)
    assert "\n" not in str(error.value)
