"""Channel-wise maps and MLPs: the layout of the release, and what a training changes."""

import numpy as np
import pytest
import torch
from attribase.ingest.release.weights import read_mapper
from attribase.runtime import MapperPair
from attribase.train.map_kinds import ChannelMap, MlpMap
from torch import nn


def release_mlp(dim: int) -> nn.Sequential:
    """The layers of the release's MLP mapper, in its order."""
    return nn.Sequential(
        nn.Linear(dim, dim, bias=False),
        nn.BatchNorm1d(dim),
        nn.ReLU(inplace=True),
        nn.Dropout(0),
        nn.Linear(dim, dim, bias=False),
        nn.BatchNorm1d(dim, affine=False),
    )


@pytest.fixture
def trained_mlp() -> MlpMap:
    """An MLP with statistics of a few batches and changed factors."""
    torch.manual_seed(0)
    made = MlpMap(6, torch.Generator().manual_seed(1)).train()
    with torch.no_grad():
        made.layers[1].weight.normal_(1, 0.3)
        made.layers[1].bias.normal_()
        for _ in range(4):
            made(3 * torch.randn(9, 6) + 1)
    return made.eval()


def test_an_mlp_is_the_releases_to_the_key_and_the_number(trained_mlp):
    theirs = release_mlp(6).eval()
    theirs.load_state_dict(trained_mlp.layers.state_dict())  # raises for another layout
    rows = torch.randn(20, 6)
    with torch.no_grad():
        assert torch.equal(trained_mlp(rows), theirs(rows))
        expected = theirs(rows).numpy()
    np.testing.assert_allclose(trained_mlp.frozen()(rows.numpy()), expected, atol=1e-5)


def test_a_released_file_of_the_weights_is_read_as_the_same_maps(trained_mlp, tmp_path):
    state = trained_mlp.layers.state_dict()
    torch.save({"real_mapper": state, "synth_mapper": state}, tmp_path / "m.pth")
    released = read_mapper(tmp_path / "m.pth", "m.pth", "clip", "mlp").pair
    rows = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    own = MapperPair(trained_mlp.frozen(), trained_mlp.frozen())
    assert np.array_equal(released.real(rows), own.real(rows))


def test_equal_seeds_draw_equal_weights_and_the_two_sides_differ():
    def pair(seed: int) -> list[torch.Tensor]:
        random = torch.Generator().manual_seed(seed)
        return [MlpMap(4, random).layers[0].weight for _ in range(2)]

    assert torch.equal(torch.stack(pair(0)), torch.stack(pair(0)))
    assert not torch.equal(*pair(0))
    assert not torch.equal(pair(0)[0], pair(1)[0])


def test_weights_are_drawn_from_the_range_of_torchs_linear_layers():
    drawn = MlpMap(64, torch.Generator().manual_seed(0)).layers[0].weight
    torch.manual_seed(0)
    theirs = nn.Linear(64, 64).weight
    assert drawn.abs().max() <= 1 / 8 + 1e-6
    assert float(drawn.detach().std()) == pytest.approx(float(theirs.detach().std()), rel=0.05)


def test_a_channel_wise_map_starts_as_the_identity_and_is_its_factors():
    made = ChannelMap(3)
    rows = torch.randn(4, 3)
    assert torch.equal(made(rows), rows)
    made.weights.data = torch.tensor([[1.0, 0.0, -2.0]])
    assert np.allclose(made.frozen()(rows.numpy()), rows.numpy() * [1, 0, -2])


def test_a_step_changes_a_channels_factor_by_its_own_gradient_alone():
    """A feature that is zero everywhere has no gradient; with cosines, scaling all factors has none."""
    made = ChannelMap(3)
    rows = torch.randn(5, 3)
    rows[:, 1] = 0
    nn.functional.normalize(made(rows), dim=1)[:, 0].sum().backward()
    assert made.weights.grad[0, 1] == 0
    assert made.weights.grad[0, [0, 2]].abs().min() > 0
    assert float((made.weights.grad * made.weights.data).sum()) == pytest.approx(0, abs=1e-6)
