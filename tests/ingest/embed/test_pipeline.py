"""The batches that the networks of a pipeline get."""

import numpy as np
import pytest
from attribase.ingest.embed.decode import ImageDecoder
from attribase.ingest.embed.pipeline import open_pipeline
from attribase.runtime import Preprocessing

from .conftest import SIZE, png


class CountingNetwork:
    """A network that notes how many images it gets at once; a feature is the mean of the pixels."""

    preprocessing, dim = Preprocessing(SIZE, SIZE), 1

    def __init__(self, device):
        self.device, self.batches = device, []

    def tokens(self, _captions):
        return None

    def pin_memory(self, _array):
        from contextlib import nullcontext

        return nullcontext(False)

    def run(self, pixels, _tokens=None):
        self.batches.append(len(pixels))
        return pixels.mean(axis=(1, 2, 3), keepdims=True).reshape(-1, 1)


@pytest.mark.parametrize(("device", "expected"), [("cpu", [8, 8, 4]), ("cuda:0", [16, 4])])
def test_a_cpu_gets_at_most_eight_images_at_once(device, expected):
    network = CountingNetwork(device)
    decoder = ImageDecoder(network.preprocessing, 10_000, compiled=False)
    images = [png(seed) for seed in range(20)]
    options = {"batch": 16, "workers": 0}
    with open_pipeline([network], decoder, lambda items: [""] * len(items), **options) as pipeline:
        found = list(pipeline.run(iter(enumerate(images))))
    assert network.batches == expected
    assert [item for batch in found for item in batch.items] == list(range(20))
    alone = np.empty((3, SIZE, SIZE), np.float32)
    for batch in found:
        for item, feature in zip(batch.items, batch.features, strict=True):
            assert decoder.write(images[item], alone) is None
            assert feature[0] == pytest.approx(alone.mean(), abs=1e-6)
