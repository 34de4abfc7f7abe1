"""A small calibrated store whose images are pictures, a key, and a pack of one of its samples."""

import io
import shutil

import numpy as np
import pytest
from attribase.packs import PackSigner, create_certified_key, read_key, write_pack
from attribase.query import Request, Session
from PIL import Image

from ..query.conftest import _copy, made_once  # noqa: F401

SAMPLE = "m0-s0"


def png(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def pictured_once(made_once, tmp_path_factory):  # noqa: F811 - the fixture of that name
    """`made_once` with a picture for each image and for one sample."""
    fake = _copy(made_once, tmp_path_factory.mktemp("pictured"))
    rows = fake.store.read("images").to_pylist()
    named = [row | {"bytes": png(n), "license": "CC0" if n % 2 else "MIT"} for n, row in enumerate(rows)]
    fake.store.upsert("images", named, update=True)
    (sample,) = fake.store.read("samples", where=f"sample_id = '{SAMPLE}'").to_pylist()
    fake.store.upsert("samples", [sample | {"bytes": png(999), "prompt": "a cat"}], update=True)
    fake.calibrate(0.2, 0.0)
    return fake


@pytest.fixture
def pictured(pictured_once, tmp_path):
    """A copy that a test may change."""
    return _copy(pictured_once, tmp_path)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "office.pem"
    create_certified_key(path, "The office")
    return path


@pytest.fixture(scope="session")
def key(key_file):
    return read_key(key_file)


@pytest.fixture(scope="session")
def signer(key_file):
    """The key with its certificate."""
    return PackSigner.read(key_file)


@pytest.fixture(scope="session")
def pack_once(pictured_once, signer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs") / "a.pack"
    write_pack(folder, Session(pictured_once.store).snapshot(), SAMPLE, Request(k=5), signer)
    return folder


@pytest.fixture
def pack(pack_once, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(pack_once, tmp_path / "a.pack")
