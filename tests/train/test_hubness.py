import numpy as np
import pytest
import torch
from attribase.train import MapperConfig
from attribase.train.data import load_data
from attribase.train.hubness import shift_images
from attribase.train.start import start_pair

CONFIG = MapperConfig(views=0, hub_weight=0.5, hub_neighbours=3)


@pytest.fixture
def shifted(made):
    data = load_data(made, "made", CONFIG)
    return data, shift_images(start_pair(data, data.spans, CONFIG), data, CONFIG)


def test_products_order_images_by_similarity_minus_that_of_their_nearest_training_samples(shifted):
    data, pair = shifted
    unit = torch.nn.functional.normalize(data.features.rows, dim=1).double().numpy()
    index = data.features.index
    bank = unit[[index[item] for model in data.models for item in model.sample_ids()]]
    images, query = unit[[index[item] for item in data.gallery]], bank[0]
    nearest = -np.sort(-(images @ bank.T), axis=1)[:, :3]
    expected = (images @ query - 0.5 * nearest.mean(axis=1)) / 1.5
    rows = pair.real(data.features.of(data.gallery))
    found = rows @ pair.synth(torch.from_numpy(query).float()[None])[0]
    assert found.detach().numpy() == pytest.approx(expected, abs=1e-5)
    assert rows.norm(dim=1).detach().numpy() == pytest.approx(1, abs=1e-5)


def test_the_frozen_pair_is_the_same_pair(shifted):
    data, pair = shifted
    frozen, rows = pair.frozen(), data.features.rows[:20]
    assert frozen.kind == "with_bias"
    assert frozen.real(rows.numpy()) == pytest.approx(pair.real(rows).detach().numpy(), abs=1e-5)
    assert frozen.synth(rows.numpy()) == pytest.approx(pair.synth(rows).detach().numpy(), abs=1e-5)


def test_without_a_weight_the_pair_stays_as_it_is(made):
    config = MapperConfig(views=0)
    data = load_data(made, "made", config)
    pair = start_pair(data, data.spans, config)
    assert shift_images(pair, data, config) is pair
