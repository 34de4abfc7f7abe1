"""What is shown of every pixel type, against values computed here with numpy from what the formats define."""

import io
import struct

import numpy as np
import pytest
from attribase.runtime import BadImageError, decode_image
from PIL import Image

from .raster_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, png, tiff


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(decode_image(data)).astype(int)


def rounded(values) -> np.ndarray:
    return np.floor(np.asarray(values, np.float64) + 0.5).astype(int)


def over_white(colour, opacity) -> np.ndarray:
    """Colours 0..255 (..., 3) with an opacity of 0..1 on a white page."""
    colour, opacity = np.asarray(colour, np.float64), np.asarray(opacity, np.float64)[..., None]
    return rounded(colour * opacity + 255 * (1 - opacity))


def grey(levels) -> np.ndarray:
    return np.repeat(np.asarray(levels)[..., None], 3, -1)


def noise(bits: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(bits).integers(0, 2**bits, shape)


def refused(data: bytes) -> str:
    with pytest.raises(BadImageError) as error:
        decode_image(data)
    assert error.value.reason == "pixel-type"
    assert error.value.hint
    return str(error.value)


# -- PNG ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keyed", [False, True], ids=["opaque", "one level transparent"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png(bits, keyed):
    values = noise(bits, 9, 21)
    key = int(values[4, 7])
    data = png(values, bits, GREY, *([chunk(b"tRNS", struct.pack(">H", key))] if keyed else []))
    opacity = np.where((values == key) & keyed, 0, 1)
    expected = over_white(grey(rounded(values * 255 / (2**bits - 1))), opacity)
    assert np.array_equal(decoded(data), expected)
    assert (opacity == 0).any() == keyed


@pytest.mark.parametrize("keyed", [False, True], ids=["opaque", "one colour transparent"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_png(bits, keyed):
    """Of 16-bit colour Pillow keeps the upper byte, at most one step from the nearest level."""
    values = noise(bits, 9, 21, 3)
    values[2, 3] = values[4, 7] + [0, 1, 0]  # beside the transparent colour, and opaque
    key = values[4, 7]
    data = png(values, bits, RGB, *([chunk(b"tRNS", struct.pack(">3H", *key))] if keyed else []))
    opacity = np.where((values == key).all(-1) & keyed, 0, 1)
    expected = over_white(values * 255 / (2**bits - 1), opacity)
    assert np.abs(decoded(data) - expected).max() <= (bits == 16)
    assert (decoded(data)[4, 7] == 255).all() == keyed
    assert (decoded(data)[2, 3] < 255).any()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colour", [GREY_ALPHA, RGBA])
def test_png_with_alpha(bits, colour):
    values = noise(bits, 9, 21, {GREY_ALPHA: 2, RGBA: 4}[colour])
    levels = values / (2**bits - 1)
    shown = levels[..., :-1] if colour == RGBA else grey(levels[..., 0])
    expected = over_white(255 * shown, levels[..., -1])
    assert np.abs(decoded(png(values, bits, colour)) - expected).max() <= (2 if bits == 16 else 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_png_with_opacities(bits):
    rng = np.random.default_rng(1)
    colours, opacities = rng.integers(0, 256, (2**bits, 3)), rng.integers(0, 256, 2**bits)
    values = noise(bits, 9, 21)
    chunks = [chunk(b"PLTE", bytes(colours.flatten().tolist())), chunk(b"tRNS", bytes(opacities.tolist()))]
    expected = over_white(colours[values], opacities[values] / 255)
    assert np.abs(decoded(png(values, bits, PALETTE, *chunks)) - expected).max() <= 1


# -- TIFF ---------------------------------------------------------------------------------------------------

FLOATS = np.array([[0, 0.25, 0.52, 1, 0.003, 0.998]], np.float32)
DEEP = np.array([[0, 257, 32896, 65535, 128, 129]])


@pytest.mark.parametrize("order", ["<", ">"])
def test_float_tiff_runs_from_black_at_0_to_white_at_1(order):
    for photometric, levels in ((1, FLOATS), (0, 1 - FLOATS)):
        data = tiff(
            FLOATS.astype(order + "f4").tobytes(),
            (6, 1),
            [32],
            order=order,
            sample_format=3,
            photometric=photometric,
        )
        assert np.array_equal(decoded(data), grey(rounded(levels * 255.0)))


@pytest.mark.parametrize(("order", "photometric"), [("<", 1), (">", 1), ("<", 0)])
def test_sixteen_bit_tiff(order, photometric):
    data = tiff(DEEP.astype(order + "u2").tobytes(), (6, 1), [16], order=order, photometric=photometric)
    levels = rounded(DEEP / 257)
    assert np.array_equal(decoded(data), grey(levels if photometric else 255 - levels))


def test_twelve_bit_tiff_is_not_almost_black():
    values = [0, 4095, 2048, 15]
    packed = b"".join(
        bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255])
        for a, b in zip(values[::2], values[1::2], strict=True)
    )
    assert decoded(tiff(packed, (4, 1), [12]))[0, :, 0].tolist() == [0, 255, 128, 1]


def test_premultiplied_alpha_of_a_tiff():
    data = tiff(bytes([100, 0, 0, 100]), (1, 1), [8] * 4, photometric=2, extra=[1])
    assert np.abs(decoded(data)[0, 0] - over_white([255, 0, 0], 100 / 255)).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "bits", "sample_format", "says"),
    [
        ("i1", 8, 2, "with a sign"),
        ("i2", 16, 2, "with a sign"),
        ("i4", 32, 2, "with a sign"),
        ("u4", 32, 1, "32-bit integers"),
        ("f8", 64, 3, "not read here"),
    ],
)
def test_numbers_without_a_known_white_are_refused(order, kind, bits, sample_format, says):
    values = np.array([[0, 1, 2, 3]]).astype(order + kind)
    message = refused(tiff(values.tobytes(), (4, 1), [bits], order=order, sample_format=sample_format))
    assert says in message or "not read here" in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([0, 128, 255], "from 0 to 255"),
        ([-0.5, 0, 1], "from -0.5 to 1"),
        ([0, np.nan, 1], "NaN or infinite"),
        ([0, np.inf, 1], "NaN or infinite"),
        ([0, -np.inf, 1], "NaN or infinite"),
    ],
)
def test_floats_that_no_viewer_shows_alike_are_refused(values, says):
    image = Image.fromarray(np.array([values], np.float32))
    assert says in refused(saved(image, "TIFF"))


def test_floats_that_resampling_left_a_little_outside_are_clipped():
    values = np.array([[-0.001, 1.001]], np.float32)
    assert decoded(saved(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 255]


# -- every mode that Pillow writes, in every format ---------------------------------------------------------


def saved(image: Image.Image, kind: str) -> bytes:
    options = {"WEBP": {"lossless": True, "exact": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options.get(kind, {}))
    return buffer.getvalue()


def smooth(channels: int) -> np.ndarray:
    """(16, 16, channels) 8-bit gradients, each channel in a direction of its own: JPEG keeps them."""
    down, across = np.mgrid[0:16, 0:16] * 17
    return np.stack([down, across, 255 - down, (down + across) // 2][:channels], -1).astype(np.uint8)


def lab_shown(lab: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of D50 to sRGB: the definition, with Bradford's adaptation to D65."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]
    to_linear = [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.033454],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    linear = (xyz @ np.transpose(to_linear)).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def modes():
    """Each mode: an image, and what it shows, computed from the mode's definition."""
    one, two, three, four = (smooth(n).astype(float) for n in (1, 2, 3, 4))
    black = (smooth(1)[..., 0] > 127) * 255
    yield "1", Image.fromarray(black.astype(np.uint8)).convert("1"), grey(black)
    yield "L", Image.fromarray(smooth(1)[..., 0]), grey(one[..., 0])
    yield "LA", Image.fromarray(smooth(2)), over_white(grey(two[..., 0]), two[..., 1] / 255)
    yield "RGB", Image.fromarray(smooth(3)), three
    yield "RGBA", Image.fromarray(smooth(4)), over_white(three, four[..., 3] / 255)
    yield (
        "CMYK",
        Image.frombytes("CMYK", (16, 16), smooth(4).tobytes()),
        (255 - three) * (255 - four[..., 3:]) / 255,
    )
    y, cb, cr = three[..., 0], three[..., 1] - 128, three[..., 2] - 128
    colour = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1).clip(0, 255)
    yield "YCbCr", Image.frombytes("YCbCr", (16, 16), smooth(3).tobytes()), colour
    lab = np.stack([30 + three[..., 0] / 5, three[..., 1] / 8 - 16, three[..., 2] / 8 - 16], -1)
    stored = (lab * [2.55, 1, 1]).round().astype(np.int16)  # a and b have a sign, in TIFF too
    lab = stored / [2.55, 1, 1]
    yield "LAB", Image.frombytes("LAB", (16, 16), (stored & 255).astype(np.uint8).tobytes()), lab_shown(lab)
    deep = smooth(1)[..., 0].astype(np.uint16) * 257
    yield "I;16", Image.fromarray(deep), grey(one[..., 0])
    yield "F", Image.fromarray((one[..., 0] / 255).astype(np.float32)), grey(one[..., 0])
    colours = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    palette = Image.fromarray(smooth(1)[..., 0])
    palette.putpalette(colours.tobytes())
    yield "P", palette, colours[smooth(1)[..., 0]]
    with_alpha = Image.merge("LA", (Image.fromarray(smooth(1)[..., 0]), Image.fromarray(smooth(2)[..., 1])))
    with_alpha.putpalette(colours.tobytes())
    yield "PA", with_alpha, over_white(colours[smooth(1)[..., 0]], two[..., 1] / 255)


FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
LOSSY = {"JPEG": 5}
"""Steps by which JPEG at its best quality differs; one step elsewhere: rounding."""


@pytest.mark.parametrize("kind", FORMATS)
def test_every_mode_that_can_be_written_is_shown(kind):
    shown = []
    for mode, image, expected in modes():
        try:
            data = saved(image, kind)
        except (OSError, KeyError, ValueError):  # Pillow cannot write this mode in this format
            continue
        if kind == "GIF" and mode not in ("1", "L", "P"):
            continue  # GIF has palettes only: Pillow chooses one, and colours differ
        if kind in ("PPM", "BMP") and mode == "RGBA":
            expected = smooth(3)  # without alpha: Pillow drops it when it writes PPM, and BMP does not say so
        if kind == "TIFF" and mode == "YCbCr":
            assert "YCbCr without compression" in refused(data)
            continue
        if kind == "WEBP" and mode in ("CMYK", "LAB", "PA", "P", "I;16", "F"):
            continue  # converted by Pillow when it writes
        found = decoded(data)
        limit = 3 if mode == "LAB" else LOSSY.get(kind, 1)
        assert np.abs(found - expected).max() <= limit, (kind, mode)
        shown.append(mode)
    assert {"1", "L", "RGB"} & set(shown) or kind == "GIF"
    if kind == "TIFF":
        assert set(shown) >= {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "I;16", "F"}


def test_ycck_jpeg_is_shown_as_the_cmyk_that_it_encodes():
    """A CMYK JPEG whose Adobe marker is set to 2 holds Y, Cb, Cr of inverted colours, and K."""
    ink = (60, 90, 120, 40)
    data = bytearray(saved(Image.new("CMYK", (16, 16), ink), "JPEG"))
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    data[at] = 2
    y, cb, cr = (255 - value for value in ink[:3])
    rgb = np.array(
        [y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)]
    )
    inverted = 255 - rgb.clip(0, 255)  # libjpeg gives 255 - R and so on, which Adobe stores inverted again
    expected = inverted * (255 - ink[3]) / 255
    assert np.abs(decoded(bytes(data))[0, 0] - expected).max() <= 3


def test_sixteen_bit_portable_maps():
    values = np.array([0, 300, 500, 1000])
    for magic, channels in ((b"P5", 1), (b"P6", 3)):
        pixels = np.repeat(values, channels).astype(">u2").tobytes()
        data = magic + b"\n4 1\n1000\n" + pixels
        assert np.abs(decoded(data)[0, :, 0] - values * 255 / 1000).max() <= 0.5


def test_orientation_is_applied_to_deep_colour_with_a_key():
    values = noise(16, 2, 3, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    chunks = [chunk(b"tRNS", struct.pack(">3H", *values[0, 2])), chunk(b"eXIf", exif.tobytes()[6:])]
    found = decoded(png(values, 16, RGB, *chunks))
    assert found.shape == (3, 2, 3)
    assert (found[2, 1] == 255).all()
    assert np.abs(found[0, 1] - values[0, 0] / 257).max() <= 1
