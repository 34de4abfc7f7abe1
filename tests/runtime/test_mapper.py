from itertools import pairwise

import numpy as np
import pytest
from attribase.runtime import ChannelMapper, LinearMapper, MapperPair, MlpMapper, normalise
from attribase.runtime.mapper_state import mapper_from_state
from attribase.store import Store, key_id
from attribase.store.errors import DataError, InvalidInputError, NotFoundError


@pytest.fixture
def pair() -> MapperPair:
    rng = np.random.default_rng(0)

    def linear() -> LinearMapper:
        return LinearMapper(rng.normal(size=(4, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32))

    return MapperPair(linear(), linear())


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)


def test_it_maps_first_and_normalises_after(pair, features):
    mapped = np.stack([pair.h_real.weight @ row + pair.h_real.bias for row in features])
    assert pair.real(features) == pytest.approx(mapped / np.linalg.norm(mapped, axis=1)[:, None], abs=1e-5)
    assert not np.allclose(pair.real(features), pair.synth(features))


def test_no_mapper_only_normalises(features):
    raw = MapperPair()
    assert raw.real(features) == pytest.approx(features / np.linalg.norm(features, axis=1)[:, None])
    assert np.array_equal(raw.real(features), raw.synth(features))


def test_rows_of_zeros_stay_zero():
    assert normalise(np.zeros((2, 3), np.float32)).tolist() == [[0, 0, 0]] * 2


def test_no_rows_give_no_rows(pair):
    assert pair.real(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_features_of_another_encoder_are_refused(pair):
    with pytest.raises(InvalidInputError, match="4 dimensions"):
        pair.real(np.ones((2, 5), np.float32))


def test_it_comes_back_from_a_store(tmp_path, pair, features):
    store = Store.create(tmp_path / "store")
    row = {
        "mapper_id": key_id("enc", "tuned"),
        "encoder": "enc",
        "mapper": "tuned",
        "weights": pair.to_bytes(),
    }
    store.upsert("mappers", [row])
    loaded = MapperPair.load(store, "enc", "tuned")
    assert np.array_equal(loaded.real(features), pair.real(features))
    assert np.array_equal(loaded.synth(features), pair.synth(features))
    assert MapperPair.load(store, "enc", "none") == MapperPair()
    with pytest.raises(NotFoundError, match="other"):
        MapperPair.load(store, "enc", "other")


@pytest.mark.parametrize(
    "data", [b"", b"junk", MapperPair(*[LinearMapper(np.eye(2), np.ones(2))] * 2).to_bytes()[:-4]]
)
def test_broken_weights_are_named(data):
    with pytest.raises(DataError, match="weights are broken"):
        MapperPair.from_bytes(data)


def test_the_identity_has_nothing_to_write():
    with pytest.raises(InvalidInputError):
        MapperPair().to_bytes()


def modules() -> dict[str, list]:
    """Pairs of torch modules of each kind, in eval mode, with statistics as after training."""
    import torch
    from torch import nn

    class Channel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.randn(1, 4))

        def forward(self, rows):
            return rows * self.weights

    def mlp(*widths: int) -> nn.Module:
        parts: list[nn.Module] = []
        for place, (wide, out) in enumerate(pairwise(widths)):
            last = place == len(widths) - 2
            parts += [nn.Linear(wide, out, bias=False), nn.BatchNorm1d(out, affine=not last)]
            parts += [] if last else [nn.ReLU(inplace=True), nn.Dropout(0.5)]
        whole = nn.Sequential(*parts)
        with torch.no_grad():
            for part in whole:
                if isinstance(part, nn.BatchNorm1d) and part.affine:
                    part.weight.normal_(1, 0.3)
                    part.bias.normal_()
            for _ in range(3):
                whole(torch.randn(9, 4) * 3 + 1)
        return whole

    torch.manual_seed(0)
    kinds = {
        "linear": lambda: nn.Linear(4, 4),
        "channel": Channel,
        "mlp": lambda: mlp(4, 6, 3),
        "one layer": lambda: mlp(4, 3),
        "three layers": lambda: mlp(4, 6, 5, 2),
    }
    return {name: [make().eval() for _ in range(2)] for name, make in kinds.items()}


def pair_of(kind: str) -> tuple[MapperPair, list]:
    both = modules()[kind]
    states = [{key: part.numpy() for key, part in one.state_dict().items()} for one in both]
    return MapperPair(*map(mapper_from_state, states)), both


@pytest.mark.parametrize("kind", ["linear", "channel", "mlp", "one layer", "three layers"])
def test_each_kind_is_what_torch_says_and_comes_back_from_its_bytes(kind, features):
    import torch

    pair, both = pair_of(kind)
    assert pair.kind == (kind if kind in ("linear", "channel") else "mlp")
    again = MapperPair.from_bytes(pair.to_bytes())
    assert again.to_bytes() == pair.to_bytes()
    for one in (pair, again):
        for ours, side in zip((one.real(features), one.synth(features)), both, strict=True):
            with torch.no_grad():
                wanted = torch.nn.functional.normalize(side(torch.from_numpy(features)), dim=-1).numpy()
            assert ours.shape == (5, one.dim_out) == wanted.shape
            assert np.abs(ours - wanted).max() < 1e-6


def test_kinds_are_recognised_by_their_keys():
    kinds = {"linear": LinearMapper, "channel": ChannelMapper, "mlp": MlpMapper}
    for name, kind in kinds.items():
        assert isinstance(pair_of(name)[0].h_real, kind)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_what_an_item_is_mapped_to_does_not_depend_on_its_batch(kind):
    rng = np.random.default_rng(2)
    features = rng.normal(size=(257, 4)).astype(np.float32)
    pair, _ = pair_of(kind)
    alone = np.concatenate([pair.real(features[place : place + 1]) for place in range(len(features))])
    assert np.array_equal(pair.real(features), alone)


@pytest.mark.parametrize("kind", ["channel", "mlp"])
def test_every_kind_refuses_features_of_another_length(kind):
    with pytest.raises(InvalidInputError, match="4 dimensions"):
        pair_of(kind)[0].synth(np.ones((2, 5), np.float32))


def test_maps_of_two_kinds_or_widths_are_no_pair():
    linear, channel, mlp = (pair_of(kind)[0].h_real for kind in ("linear", "channel", "mlp"))
    for one, other in ((linear, channel), (linear, mlp), (linear, None)):
        with pytest.raises(InvalidInputError, match="differ"):
            MapperPair(one, other)


@pytest.mark.parametrize(
    "names", [{"a"}, {"weight"}, {"0.weight", "2.weight"}, {"0.weight", "4.weight", "9.mean"}]
)
def test_other_keys_are_no_map(names):
    with pytest.raises(InvalidInputError, match="no mapper's keys"):
        mapper_from_state({name: np.ones((2, 2), np.float32) for name in names})


def test_bytes_for_one_side_only_are_broken():
    import safetensors.numpy

    data = safetensors.numpy.save({"real.weights": np.ones((1, 2), np.float32)})
    with pytest.raises(DataError, match="weights are broken"):
        MapperPair.from_bytes(data)
