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


def _state(generator):
    parts = {**generator.adaptable, "vae": generator.vae}
    return {
        (part, name): value.clone()
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }


@pytest.fixture
def whole_state():
    """Every tensor of a generator by its part and name."""
    return _state


@pytest.fixture
def changed_since():
    """The parts and names of the tensors that differ from an earlier state, or are new."""

    def compare(before, generator):
        after = _state(generator)
        return {key for key in {*before, *after} if key not in before or not before[key].equal(after[key])}

    return compare
