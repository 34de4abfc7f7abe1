"""Images with an ICC profile, against Pillow's own conversion and against the arithmetic of a profile."""

import io
import struct

import numpy as np
import pytest
from attribase.runtime import decode_image
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def edited(profile: bytes, **tags: bytes) -> bytes:
    """A profile with the bodies of some of its tags replaced by others of the same length."""
    data = bytearray(profile)
    for n in range(int.from_bytes(data[128:132], "big")):
        name, start, size = struct.unpack_from(">4sII", data, 132 + 12 * n)
        if (body := tags.get(name.decode())) is not None:
            assert len(body) <= size
            data[start : start + len(body)] = body
    return bytes(data)


def tag(profile: bytes, name: str) -> bytes:
    for n in range(int.from_bytes(profile[128:132], "big")):
        found, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if found.decode() == name:
            return profile[start : start + size]
    raise KeyError(name)


def swapped() -> bytes:
    """sRGB with the colours of its red and green channels exchanged."""
    data = SRGB.tobytes()
    return edited(data, rXYZ=tag(data, "gXYZ"), gXYZ=tag(data, "rXYZ"))


def grey_profile(gamma: float) -> bytes:
    """A version 2 profile of a grey device: white D50, value ** gamma is the luminance."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + b"\0" * 78
    text += b"\0" * (-len(text) % 4)
    bodies = [(b"desc", text), (b"wtpt", white), (b"kTRC", curve)]
    start, table, body = 128 + 4 + 12 * len(bodies), b"", b""
    for name, content in bodies:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(bodies)) + table + body


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def decoded(data: bytes, **options) -> np.ndarray:
    return np.asarray(decode_image(data, **options)).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_colours_are_converted_to_srgb(kind):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    data = saved(Image.new("RGB", (16, 16), (250, 10, 10)), kind, icc_profile=swapped(), **options)
    assert np.abs(decoded(data)[0, 0] - [10, 250, 10]).max() <= 2
    assert np.abs(decoded(data, profiles="ignore")[0, 0] - [250, 10, 10]).max() <= 2


def test_the_conversion_is_that_of_pillow():
    image = Image.fromarray(noise(40, 50, 3))
    expected = ImageCms.profileToProfile(image, io.BytesIO(swapped()), SRGB)
    assert np.array_equal(decoded(saved(image, icc_profile=swapped())), np.asarray(expected))


def test_images_in_srgb_keep_every_bit():
    image = Image.fromarray(noise(40, 50, 3))
    renamed = edited(SRGB.tobytes(), cprt=tag(SRGB.tobytes(), "cprt")[:12] + b"\0X")
    for profile in (SRGB.tobytes(), renamed):
        assert np.array_equal(decoded(saved(image, icc_profile=profile)), noise(40, 50, 3))


@pytest.mark.parametrize("profile", [b"", b"no profile", SRGB.tobytes()[:300], b"\0" * 200, swapped()[:-40]])
def test_a_broken_profile_changes_nothing(profile):
    image = Image.fromarray(noise(8, 8, 3))
    found = decoded(saved(image, icc_profile=profile))
    assert np.array_equal(found, noise(8, 8, 3)) or profile == swapped()[:-40]
    assert found.shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("mode", "profile"), [("L", swapped()), ("RGB", grey_profile(1.0)), ("CMYK", swapped())]
)
def test_a_profile_of_other_channels_changes_nothing(mode, profile):
    image = Image.fromarray(noise(16, 16, 3)).convert(mode)
    data = saved(image, "TIFF", icc_profile=profile)
    assert np.array_equal(decoded(data), decoded(saved(image, "TIFF")))


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_grey_profiles_are_applied(gamma):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    luminance = (values / 255) ** (round(gamma * 256) / 256)
    expected = 255 * np.where(
        luminance <= 0.0031308, 12.92 * luminance, 1.055 * luminance ** (1 / 2.4) - 0.055
    )
    found = decoded(saved(Image.fromarray(values), icc_profile=grey_profile(gamma)))
    assert np.abs(found - expected[..., None]).max() <= 1.5
    deep = Image.fromarray(values.astype(np.uint16) * 257)
    assert np.array_equal(decoded(saved(deep, icc_profile=grey_profile(gamma))), found)


def test_transparent_pixels_lie_over_white_after_the_conversion():
    pixels = noise(12, 12, 4)
    found = decoded(saved(Image.fromarray(pixels), icc_profile=swapped()))
    colour = np.asarray(
        ImageCms.profileToProfile(Image.fromarray(pixels).convert("RGB"), io.BytesIO(swapped()), SRGB)
    )
    alpha = pixels[..., 3:] / 255
    assert np.abs(found - (colour * alpha + 255 * (1 - alpha))).max() <= 1


def test_palettes_are_converted_too():
    image = Image.fromarray(noise(8, 8, 3)).quantize(16)
    colours = image.convert("RGB")
    expected = ImageCms.profileToProfile(colours, io.BytesIO(swapped()), SRGB)
    assert np.array_equal(decoded(saved(image, icc_profile=swapped())), np.asarray(expected))


def test_cmyk_profiles_are_applied():
    """A profile of ink whose table says which colour each mixture has: grey of cyan, here."""
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    data = saved(image, "TIFF", icc_profile=ink_profile())
    assert np.abs(decoded(saved(image, "TIFF"))[0, 0] - [0, 255, 255]).max() == 0
    assert np.abs(decoded(data)[0, 0] - [118, 118, 118]).max() <= 3  # L* = 50 is this grey in sRGB


def ink_profile() -> bytes:
    """A version 2 profile of CMYK ink: paper is white, black ink is black, any others give L* = 50."""
    grid = np.full((2, 2, 2, 2, 3), [50 * 255 / 100, 128, 128]).round().astype(np.uint8)
    grid[0, 0, 0, 0] = [255, 128, 128]
    grid[..., 1, :] = [0, 128, 128]
    identity = bytes(range(256))
    table = (
        b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).flatten())
    )
    table += identity * 4 + grid.tobytes() + identity * 3
    table += b"\0" * (-len(table) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    start = 128 + 4 + 24
    entries = b"A2B0" + struct.pack(">II", start, len(table))
    entries += b"wtpt" + struct.pack(">II", start + len(table), len(white))
    size = start + len(table) + len(white)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", 2) + entries + table + white
