"""The views that training draws from."""

import numpy as np
from attribase.ingest.embed.views import augment
from PIL import Image


def test_augmentation_is_mild():
    """It keeps at least 70 % of the picture and its shape, and flips half of the time."""
    ramp = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    image, rng = Image.fromarray(np.stack([ramp] * 3, -1)), np.random.default_rng(0)
    views = [augment(image, rng) for _ in range(300)]
    kept = np.array([view.width * view.height / (200 * 100) for view in views])
    shape = np.array([view.width / view.height / 2 for view in views])
    assert 0.69 < kept.min() < 0.75
    assert kept.max() <= 1
    assert 0.88 < shape.min() < 0.95
    assert 1.05 < shape.max() < 1.12
    flipped = np.mean([view.getpixel((0, 0))[0] > view.getpixel((view.width - 1, 0))[0] for view in views])
    assert 0.4 < flipped < 0.6
