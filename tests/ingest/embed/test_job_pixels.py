"""What embedding makes of colour profiles, and of pictures larger than the default limit."""

import io
import json
import struct

import numpy as np
import pytest
from attribase.runtime.decode import stored_pixel_limit
from PIL import Image, ImageCms


def swapped_profile() -> bytes:
    """sRGB with the colours of its red and green channels exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = [struct.unpack_from(">4sII", data, 132 + 12 * n) for n in range(int.from_bytes(data[128:132]))]
    red, green = (next(at for name, at, _ in entries if name == wanted) for wanted in (b"rXYZ", b"gXYZ"))
    data[red : red + 20], data[green : green + 20] = data[green : green + 20], data[red : red + 20]
    return bytes(data)


def picture(colour, **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 10), colour).save(buffer, "PNG", **options)
    return buffer.getvalue()


def vectors_of(gallery) -> dict:
    rows = gallery.store.read(gallery.table, ["item_id", "base"]).to_pylist()
    return {row["item_id"]: np.array(row["base"]) for row in rows}


@pytest.mark.parametrize("workers", [0, 1])
def test_an_encoder_sees_colours_in_srgb(gallery, workers):
    profiled, green = gallery.images(
        [picture((255, 0, 0), icc_profile=swapped_profile()), picture((0, 255, 0))]
    )
    gallery.embed(workers=workers)
    found = vectors_of(gallery)
    assert np.array_equal(found[profiled], found[green])


def test_an_encoder_of_an_earlier_version_goes_on_ignoring_profiles(gallery):
    (row,) = gallery.store.read("encoders").to_pylist()
    settings = json.loads(row["preprocessing"])
    assert settings.pop("profiles") == "srgb"
    old = {"encoder": row["encoder"], "dim": row["dim"], "preprocessing": json.dumps(settings)}
    gallery.store.upsert("encoders", [row | old], update=True)
    profiled, red = gallery.images(
        [picture((255, 0, 0), icc_profile=swapped_profile()), picture((255, 0, 0))]
    )
    gallery.embed(workers=0)
    found = vectors_of(gallery)
    assert np.array_equal(found[profiled], found[red])


def test_what_ingest_let_in_is_embedded(gallery, monkeypatch):
    """Of pictures beyond the default limit: one that ingest let in, whose size is known, and a larger one."""
    monkeypatch.setattr("attribase.runtime.decode.PIXEL_LIMIT", 50)
    assert stored_pixel_limit(gallery.store) == 50
    (known,) = gallery.images([picture("red")], width=12, height=10)
    assert stored_pixel_limit(gallery.store) == 120
    gallery.images([gallery.png(1, 40, 30)])
    gallery.embed(workers=0)
    assert list(vectors_of(gallery)) == [known]
    assert gallery.store.read("failures", ["reason"]).to_pylist() == [{"reason": "too-many-pixels"}]


def test_sizes_beyond_32_bits_are_compared(gallery):
    gallery.images([picture("red")], width=60_000, height=60_000)
    assert stored_pixel_limit(gallery.store) == 3_600_000_000
