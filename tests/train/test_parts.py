import numpy as np
import pytest
import torch
from attribase.train.linear_map import LinearMap, ProjectedMap
from attribase.train.parts import SCALE_MAX, TrainablePair

SPANS = [(0, 3), (3, 8)]


def features(count: int, dim: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dim))).float()


@pytest.fixture
def pair() -> TrainablePair:
    """Two parts, the second one shortened to 2 dimensions; cores, biases and weights at random."""
    maps = [
        (LinearMap(3), LinearMap(3)),
        tuple(ProjectedMap(features(2, 5, side), features(1, 5, side)[0]) for side in (1, 2)),
    ]
    made = TrainablePair(SPANS, maps, 0.1)
    for place, one in enumerate(made.parameters()):
        torch.nn.init.normal_(one, generator=torch.Generator().manual_seed(place))
    return made


def test_a_product_is_the_weighted_mean_of_the_cosines_of_the_parts(pair):
    images, samples = features(4), features(3, seed=5)
    weights = pair.logits.softmax(0)
    parts = [
        torch.nn.functional.cosine_similarity(
            real(images[:, start:stop])[:, None], synth(samples[:, start:stop])[None], dim=2
        )
        for (start, stop), (real, synth) in zip(SPANS, pair._maps, strict=True)
    ]
    expected = weights[0] * parts[0] + weights[1] * parts[1]
    assert torch.allclose(pair.real(images) @ pair.synth(samples).T, expected, atol=1e-6)
    assert weights.sum().item() == pytest.approx(1)


def test_the_frozen_pair_is_the_same_pair(pair):
    images = features(4)
    frozen = pair.frozen()
    assert frozen.kind == "blocks"
    assert frozen.real(images.numpy()) == pytest.approx(pair.real(images).detach().numpy(), abs=1e-5)
    assert frozen.synth(images.numpy()) == pytest.approx(pair.synth(images).detach().numpy(), abs=1e-5)
    again = type(frozen).from_bytes(frozen.to_bytes())
    assert again.real(images.numpy()) == pytest.approx(frozen.real(images.numpy()), abs=1e-6)


def test_weights_and_temperature_are_learned_only_where_there_is_a_choice(pair):
    single = TrainablePair([(0, 8)], [(LinearMap(8), LinearMap(8))], 0.1)
    assert single.scalars() == []
    assert len(pair.scalars()) == 1
    learned = TrainablePair([(0, 8)], [(LinearMap(8), LinearMap(8))], 0.1, learn_temperature=True)
    assert len(learned.scalars()) == 1


def test_the_temperature_starts_where_it_is_given_and_has_a_floor():
    learned = TrainablePair([(0, 8)], [(LinearMap(8), LinearMap(8))], 0.07, learn_temperature=True)
    assert float(learned.temperature().detach()) == pytest.approx(0.07)
    with torch.no_grad():
        learned.log_scale.fill_(50.0)
    assert float(learned.temperature().detach()) == pytest.approx(1 / SCALE_MAX)
