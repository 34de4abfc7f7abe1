"""Image formats: signatures, plug-ins, and the message where a plug-in is missing."""

import io

import numpy as np
import pytest
from attribase.runtime import formats
from attribase.runtime.decode import BadImageError, decode_image
from PIL import Image

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (24, 40, 3), dtype=np.uint8))


def encoded(kind, **settings):
    buffer = io.BytesIO()
    formats.decodable()  # registers the plug-ins, which encode too
    PICTURE.save(buffer, kind, **settings)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", sorted(set(formats.ENDINGS.values())))
def test_every_format_is_recognised_by_its_first_bytes_and_decoded(kind):
    if kind in formats.PLUGINS:
        pytest.importorskip(formats.PLUGINS[kind])
    data = encoded(kind)
    assert formats.recognise(data[: formats.HEAD_BYTES]) == kind
    assert decode_image(data).size == (40, 24)


@pytest.mark.parametrize(
    "head", [b"", b"BMW is a car, not a bitmap", b"P5 is a paper size", b"<svg>", b"%PDF-1.7"]
)
def test_other_bytes_are_no_format(head):
    assert formats.recognise(head) == ""


@pytest.mark.parametrize(("kind", "data"), [("HEIF", b"\0\0\0\x18ftypheic"), ("JXL", b"\xff\x0a\xfa")])
def test_a_format_without_its_plugin_names_the_extra(monkeypatch, kind, data):
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    formats.decodable.cache_clear()
    try:
        with pytest.raises(BadImageError, match=f"{kind} .*attribase.formats.") as error:
            decode_image(data + bytes(40))
        assert error.value.reason == "unsupported-format"
        assert formats.EXTRA in error.value.hint
    finally:
        formats.decodable.cache_clear()


def test_jpeg_xl_is_not_turned_twice():
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = 6  # a viewer of JPEG XL ignores it: the decoder has turned the pixels
    assert decode_image(encoded("JXL", exif=exif.tobytes())).size == (40, 24)
    assert decode_image(encoded("JPEG", exif=exif.tobytes())).size == (24, 40)
