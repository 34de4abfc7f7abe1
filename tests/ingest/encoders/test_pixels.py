"""Thumbnails and colour histograms, against sums over single pixels; offline and without torch."""

import io
import itertools
import subprocess
import sys

import numpy as np
import pytest
from attribase.ingest.encoders import ensure_encoder, get_encoder
from attribase.ingest.encoders.parity import Example, compare
from attribase.runtime import OnnxEncoder, load_encoder
from attribase.store import Store, content_id
from PIL import Image

NAMES = ("thumbnail", "colour-histogram")


def encoder(name: str) -> OnnxEncoder:
    spec = get_encoder(name)
    return OnnxEncoder(spec.load(None).model, spec.preprocessing)


def random_pictures(count: int, side: int = 64) -> list[Image.Image]:
    rng = np.random.default_rng(3)
    return [Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(count)]


def test_a_thumbnail_is_the_means_of_its_cells():
    pictures = random_pictures(3)
    found = encoder("thumbnail").encode(pictures).reshape(3, 3, 16, 16)
    for picture, cells in zip(pictures, found, strict=True):
        pixels = np.asarray(picture, np.float64) / 127.5 - 1
        for channel, row, column in itertools.product(range(3), (0, 7, 15), (0, 4, 15)):
            cell = pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4, channel]
            assert cells[channel, row, column] == pytest.approx(cell.mean(), abs=1e-6)


def test_a_colour_on_the_grid_fills_one_bin():
    picture = Image.new("RGB", (64, 64), (255, 0, round(255 / 7)))
    (found,) = encoder("colour-histogram").encode([picture])
    cube = found.reshape(8, 8, 8)
    assert cube[7, 0, 1] == pytest.approx(1, abs=0.01)
    assert (cube**2).sum() == pytest.approx(1, abs=1e-5)


def test_a_pixel_is_shared_between_the_bins_around_it_by_how_near_they_are():
    (picture,) = random_pictures(1)
    wanted = np.zeros((8, 8, 8))
    for pixel in np.asarray(picture, np.float64).reshape(-1, 3) / 255 * 7:
        low = np.minimum(pixel.astype(int), 6)
        for corner in itertools.product((0, 1), repeat=3):
            share = np.prod([part if up else 1 - part for up, part in zip(corner, pixel - low, strict=True)])
            wanted[tuple(low + corner)] += share / 64**2
    (found,) = encoder("colour-histogram").encode([picture])
    assert found.reshape(8, 8, 8) ** 2 == pytest.approx(wanted, abs=1e-6)


def test_a_histogram_counts_the_whole_of_a_wide_picture():
    wide = Image.new("RGB", (200, 50), (255, 0, 0))
    wide.paste((0, 0, 255), (100, 0, 200, 50))
    (found,) = encoder("colour-histogram").encode([wide])
    cube = found.reshape(8, 8, 8) ** 2
    assert cube[7, 0, 0] == pytest.approx(0.5, abs=0.02)
    assert cube[0, 0, 7] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_onnx_and_numpy_agree(name):
    spec = get_encoder(name)
    examples = [Example(picture) for picture in random_pictures(3, side=90)]
    parity = compare(spec.load(None), encoder(name), examples)
    assert parity.max_abs < 1e-5
    assert parity.min_cosine > 0.999999


@pytest.mark.parametrize("name", NAMES)
def test_the_model_has_the_same_bytes_on_every_run(name):
    assert get_encoder(name).load(None).model == get_encoder(name).load(None).model


@pytest.fixture
def store(tmp_path) -> Store:
    store, rows = Store.create(tmp_path / "store"), []
    for picture in random_pictures(12):
        picture.save(buffer := io.BytesIO(), "PNG")
        rows.append({"image_id": content_id(buffer.getvalue()), "bytes": buffer.getvalue()})
    store.upsert("images", rows)
    return store


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", NAMES)
def test_variants_of_them_can_be_made(store, name, precision):
    variant = ensure_encoder(store, name, precision=precision)
    pictures = random_pictures(2)
    one, other = (load_encoder(store, found).encode(pictures) for found in (name, variant))
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosines.min() > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_they_embed_without_torch(store, name):
    code = f"""
import sys
sys.modules["torch"] = None
from attribase.store import Store
from attribase.ingest.embed import embed
from attribase.ingest.encoders import ensure_encoder
store = Store.open({store.uri!r})
print(list(embed(store, ensure_encoder(store, {name!r})))[-1].done)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "12"
