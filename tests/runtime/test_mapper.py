import numpy as np
import pytest
from attribase.runtime import LinearMapper, MapperPair, normalise
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
