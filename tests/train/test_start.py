"""Where h and h~ start: the identity, the closed form, or both side by side."""

from dataclasses import replace

import pytest
import torch
from attribase.train.config import BEST, PAPER
from attribase.train.data import load_data
from attribase.train.start import start_pair
from torch.nn.functional import cosine_similarity

from .conftest import Made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    store = Made().write(tmp_path_factory.mktemp("start") / "store")
    return load_data(store, "made", replace(PAPER, views=0))


def cosines(pair, data):
    images, samples = data.features.of(data.gallery[:50]), data.features.of(data.models[0].sample_ids())
    with torch.no_grad():
        return cosine_similarity(pair.real(images)[:, None], pair.synth(samples)[None], dim=2)


def test_both_starts_give_the_mean_of_their_cosines(data):
    config = replace(BEST, rank=8, centre="each")
    each = [
        cosines(start_pair(data, data.spans, replace(config, start=start)), data)
        for start in ("identity", "whitened")
    ]
    both = start_pair(data, data.spans, replace(config, start="both"))
    assert not torch.allclose(*each, atol=0.01)
    assert torch.allclose(cosines(both, data), sum(each) / 2, atol=1e-5)


def test_each_part_of_a_composite_has_both_maps(data):
    config = replace(BEST, rank=4, start="both", centre="each")
    pair = start_pair(data, [(0, 6), (6, 16)], config)
    assert len(pair.cores()) == 4
    assert pair.logits.shape == (4,)
    frozen = pair.frozen()
    images = data.features.of(data.gallery[:5])
    again = type(frozen).from_bytes(frozen.to_bytes())
    assert again.real(images.numpy()) == pytest.approx(pair.real(images).detach().numpy(), abs=1e-5)
