import numpy as np
import pytest
from attribase.ingest.customize import train as training
from attribase.ingest.customize import weights as stored
from attribase.store import AttribaseError, InvalidInputError


def test_a_low_rank_difference_is_the_best_of_its_rank(generator, image, make_spec, config):
    training.train(generator, make_spec(), [image], config)
    whole, low = stored.extract(generator), stored.extract(generator, rank=2)
    name = next(iter(generator.kv))
    assert low[name + ".up"].shape == (8, 2)
    assert low[name + ".down"].shape == (2, 16)
    assert len(stored.pack(low, {})) < len(stored.pack(whole, {}))
    difference = (generator.kv[name] - generator.original[name]).detach().numpy()
    left, values, right = np.linalg.svd(difference)
    best = (left[:, :2] * values[:2]) @ right[:2]
    stored.apply(generator, low)
    assert np.allclose((generator.kv[name] - generator.original[name]).detach(), best, atol=2e-4)


def test_weights_of_another_base_are_refused(generator, image, make_spec, config):
    training.train(generator, make_spec(), [image], config)
    weights = stored.extract(generator)
    name = next(iter(generator.kv))
    for wrong in ({**weights, "extra": weights[name]}, {**weights, name: weights[name][:, :4]}):
        with pytest.raises(InvalidInputError, match="do not fit"):
            stored.apply(generator, wrong)


def test_weights_that_did_not_change_are_an_error(generator, image, make_spec, config):
    with pytest.raises(AttribaseError, match="changed no K or V"):
        stored.extract(generator)
    training.train(generator, make_spec(), [image], config.with_changes(lr=1e30))
    with pytest.raises(AttribaseError, match="not finite"):
        stored.extract(generator)
