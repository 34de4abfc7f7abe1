import numpy as np
import pytest
from attribase.ingest.customize.generator import load_generator
from PIL import Image

TOKEN = "<new1>"


@pytest.fixture
def generator(tiny_base):
    return load_generator(tiny_base, TOKEN)


@pytest.fixture
def image():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
