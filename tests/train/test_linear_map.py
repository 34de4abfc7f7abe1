import numpy as np
import pytest
import torch
from attribase.train.linear_map import LinearMap, ProjectedMap, principal_directions
from attribase.train.losses import orthogonality


@pytest.fixture
def features() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(40, 7))).float()


@pytest.fixture
def basis(features) -> torch.Tensor:
    return principal_directions(features, 3)


@pytest.mark.parametrize("low_rank", [False, True])
def test_it_starts_as_the_identity(features, basis, low_rank):
    start = LinearMap(7, basis=basis if low_rank else None)
    assert torch.allclose(start(features), features, atol=1e-6)
    assert torch.allclose(start.weight(), torch.eye(7), atol=1e-6)
    assert not start.bias.any()


def test_with_a_centre_it_starts_by_subtracting_it(features):
    start = LinearMap(7, centre=features.mean(0))
    assert torch.allclose(start(features), features - features.mean(0))


@pytest.mark.parametrize("low_rank", [False, True])
def test_the_frozen_map_is_the_same_map(features, basis, low_rank):
    one = LinearMap(7, basis=basis if low_rank else None)
    torch.nn.init.normal_(one.core, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(one.bias, generator=torch.Generator().manual_seed(1))
    assert one.frozen()(features.numpy()) == pytest.approx(one(features).detach().numpy(), abs=1e-4)


def test_the_small_regulariser_is_that_of_the_whole_matrix(basis):
    one, other = LinearMap(7, basis=basis), LinearMap(7, basis=basis)
    torch.nn.init.normal_(one.core, generator=torch.Generator().manual_seed(0))
    whole = orthogonality(one.weight(), other.weight()).item()
    assert orthogonality(one.core, other.core).item() == pytest.approx(whole, rel=1e-4)


def test_directions_are_those_of_scikit_learn(features):
    from sklearn.decomposition import PCA

    expected = PCA(3).fit(features.numpy()).components_.T
    found = principal_directions(features, 3).numpy()
    assert np.abs((found * expected).sum(0)) == pytest.approx(1, abs=1e-4)


def test_there_are_no_more_directions_than_items_or_dimensions(features):
    assert principal_directions(features, 100).shape == (7, 7)
    assert principal_directions(features[:4], 100).shape == (7, 4)


def test_a_projected_map_starts_at_its_projection_and_freezes_to_the_same_map(features):
    rng = np.random.default_rng(1)
    projection, mean = (torch.from_numpy(rng.normal(size=size)).float() for size in ((3, 7), 7))
    one = ProjectedMap(projection, mean)
    assert torch.allclose(one(features), (features - mean) @ projection.T, atol=1e-5)
    torch.nn.init.normal_(one.core, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(one.bias, generator=torch.Generator().manual_seed(1))
    assert one.frozen()(features.numpy()) == pytest.approx(one(features).detach().numpy(), abs=1e-4)
