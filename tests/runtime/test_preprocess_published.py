"""Decoding and preprocessing against the transforms of torchvision, timm and open_clip themselves.

Their input is the picture as these libraries' own datasets open it, `Image.open(file).convert("RGB")`. Where
that is not what a viewer shows (16-bit grey, transparency, EXIF), it is what is shown, made by numpy here.
"""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from attribase.ingest.encoders import get_encoder
from attribase.runtime import Preprocessing, decode_image
from PIL import Image

SIZES = [(64, 64), (97, 41), (33, 120), (256, 301), (31, 31), (500, 375), (7, 9), (1, 1), (2, 50)]
LONG = [(3000, 20), (20, 3001), (1, 900)]


def noise(width: int, height: int, channels: int = 3, bits: int = 8) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    kind = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(width * 1000 + height).integers(0, 2**bits, shape, dtype=kind)


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(pixels: np.ndarray) -> bytes:
    """A PNG with 16 bits a channel, RGB or RGBA: Pillow reads these and does not write them."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def opened(data: bytes) -> Image.Image:
    """As torchvision's, timm's and open_clip's datasets open a file."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def over_white(pixels: np.ndarray) -> Image.Image:
    """RGBA pixels in [0, 1] as seen on a white page."""
    alpha = pixels[..., 3:]
    return Image.fromarray(np.rint(255 * (pixels[..., :3] * alpha + 1 - alpha)).astype(np.uint8))


# -- the sources' transforms --------------------------------------------------------------------------------


def torchvision_transform():
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms._presets import ImageClassification

    how = Preprocessing(32, 37, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return how, ImageClassification(crop_size=32, resize_size=37, interpolation=InterpolationMode.BILINEAR)


def timm_transform(**changes):
    from timm.data import create_transform

    how = {"crop_pct": 0.875, "crop_mode": "center", "interpolation": "bicubic"} | changes
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)
    mode = {"center": "shorter", "squash": "both", "border": "longer"}[how["crop_mode"]]
    ours = Preprocessing(32, int(32 / how["crop_pct"]), how["interpolation"], mean, std, mode)
    return ours, create_transform((3, 32, 32), mean=mean, std=std, **how)


def open_clip_transform(mode: str):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    ours = Preprocessing(32, None if mode == "squash" else 32)
    config = PreprocessCfg(size=32, mean=ours.mean, std=ours.std, interpolation="bicubic", resize_mode=mode)
    return ours, image_transform_v2(config, is_train=False)


SOURCES = {
    "torchvision": torchvision_transform,
    "timm-center": timm_transform,
    "timm-bilinear": lambda: timm_transform(interpolation="bilinear", crop_pct=0.95),
    "timm-whole": lambda: timm_transform(crop_pct=1.0),
    "timm-squash": lambda: timm_transform(crop_mode="squash", crop_pct=0.9),
    "timm-border": lambda: timm_transform(crop_mode="border", crop_pct=1.0),
    "timm-border-cropped": lambda: timm_transform(crop_mode="border", crop_pct=0.8),
    "open_clip-shortest": lambda: open_clip_transform("shortest"),
    "open_clip-squash": lambda: open_clip_transform("squash"),
}


@pytest.fixture(scope="module", params=SOURCES)
def source(request):
    return SOURCES[request.param]()


def steps(how: Preprocessing, found: np.ndarray, expected: torch.Tensor) -> float:
    """The largest difference of two inputs, in steps of 8 bits."""
    assert found.shape == tuple(expected.shape)
    assert found.dtype == np.float32
    scale = 255 * np.asarray(how.std)[:, None, None]
    return float((np.abs(found - expected.numpy()) * scale).max())


def apart(source, data: bytes, shown: Image.Image | None = None) -> float:
    """How far our input for a file is from the source's for the picture that it shows."""
    how, transform = source
    return steps(how, how(decode_image(data)), transform(shown or opened(data)))


# -- within one step, kind by kind --------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_odd_sizes(source, size):
    assert apart(source, file(Image.fromarray(noise(*size)))) < 0.01  # to the bit, but for the division


@pytest.mark.parametrize("size", LONG, ids=str)
def test_long_pictures(source, size):
    """Not resized whole where they grow, so the filter's weights are rounded elsewhere."""
    how, transform = source
    if how.mode == "longer":  # nothing would be left of the shorter side: timm fails
        with pytest.raises(ValueError, match="must be > 0"):
            transform(Image.fromarray(noise(*size)))
        assert how(Image.fromarray(noise(*size))).shape == (3, 32, 32)
    else:
        assert apart(source, file(Image.fromarray(noise(*size)))) <= 1.01


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_greyscale(source, kind):
    assert apart(source, file(Image.fromarray(noise(61, 47, 1)), kind)) < 0.01


def test_black_and_white(source):
    assert apart(source, file(Image.fromarray(noise(61, 47, 1)).convert("1"))) < 0.01


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_palette(source, kind):
    """Converted before it is resized: in a palette there is nothing between two colours."""
    image = Image.fromarray(noise(61, 47)).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    assert apart(source, file(image, kind)) < 0.01


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(source, kind):
    assert apart(source, file(Image.fromarray(noise(61, 47, 4), "CMYK"), kind)) < 0.01


def test_alpha_that_is_opaque(source):
    pixels = noise(61, 47, 4)
    pixels[..., 3] = 255
    assert apart(source, file(Image.fromarray(pixels))) < 0.01


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_as_seen_on_white(source, kind):
    pixels = noise(61, 47, 4)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    assert apart(source, file(Image.fromarray(pixels), kind, **options), over_white(pixels / 255)) <= 1.01


def test_grey_with_alpha_as_seen_on_white(source):
    pixels = noise(61, 47, 2)
    seen = over_white(pixels[..., [0, 0, 0, 1]] / 255)
    assert apart(source, file(Image.fromarray(pixels, "LA")), seen) <= 1.01


def test_palette_with_transparency_as_seen_on_white(source):
    image = Image.fromarray(noise(61, 47)).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    alpha = bytes((n * 7) % 256 for n in range(64))
    pixels = np.array(image)
    colours = np.array(image.getpalette()[: 64 * 3]).reshape(64, 3)
    shown = np.concatenate([colours[pixels], np.array(list(alpha))[pixels][..., None]], axis=2) / 255
    assert apart(source, file(image, transparency=alpha), over_white(shown)) <= 1.01


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_as_shown(source, kind):
    pixels = noise(61, 47, 1, bits=16)
    shown = Image.fromarray(np.rint(pixels / 257).astype(np.uint8)).convert("RGB")
    assert apart(source, file(Image.fromarray(pixels), kind), shown) <= 1.01


def test_sixteen_bit_colour(source):
    """Pillow keeps the upper byte, here and in the sources."""
    assert apart(source, png16(noise(61, 47, 3, bits=16))) < 0.01


def test_sixteen_bit_colour_with_alpha_as_seen_on_white(source):
    pixels = noise(61, 47, 4, bits=16)
    assert apart(source, png16(pixels), over_white(pixels / 65535)) <= 2.01  # two roundings before the resize


TURNS = {  # EXIF orientation: what a viewer does to the stored pixels
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", TURNS)
def test_exif_rotated_is_upright(source, kind, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    plain = Image.fromarray(noise(61, 47))
    stored = np.asarray(opened(file(plain, kind, **options)))
    shown = Image.fromarray(np.ascontiguousarray(TURNS[turn](stored)))
    assert apart(source, file(plain, kind, exif=exif, **options), shown) < 0.01


# -- what the library itself says of its models -------------------------------------------------------------


TIMM = "dm_nfnet_f0.dm_in1k", "deit3_small_patch16_224.fb_in1k", "test_vit.r160_in1k", "resnet50.a1_in1k"
OPEN_CLIP = "ViT-B-16/openai", "ViT-B-16-SigLIP/webli", "convnext_base/laion400m_s13b_b51k"


@pytest.mark.parametrize("model", TIMM)
def test_timm_models_are_preprocessed_as_their_own_configuration_says(model):
    import timm
    from timm.data import create_transform, resolve_data_config

    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(model).to_dict())
    data = file(Image.fromarray(noise(411, 277)))
    assert apart((get_encoder(f"timm:{model}").preprocessing, create_transform(**config)), data) < 0.01


@pytest.mark.parametrize("name", OPEN_CLIP)
def test_open_clip_models_are_preprocessed_as_their_own_configuration_says(name):
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    arch, tag = name.split("/")
    known = open_clip.get_pretrained_cfg(arch, tag)
    size = open_clip.get_model_config(arch)["vision_cfg"]["image_size"]
    keys = ("mean", "std", "interpolation", "resize_mode")
    config = PreprocessCfg(size=size, **{key: known[key] for key in keys if key in known})
    data = file(Image.fromarray(noise(411, 277)))
    transform = image_transform_v2(config, is_train=False)
    assert apart((get_encoder(f"open_clip:{name}").preprocessing, transform), data) < 0.01
