"""Mappers as ONNX: ONNX Runtime on the file, against numpy."""

import numpy as np
import onnx
import onnxruntime
import pytest
from attribase.runtime import (
    BiasedImageMapper,
    BiasedSampleMapper,
    Block,
    BlocksMapper,
    ChannelMapper,
    LinearMapper,
    MapperPair,
    MlpMapper,
)
from attribase.runtime.mapper_kinds import Layer
from attribase.runtime.mapper_onnx import export_mapper, largest_difference, mapper_onnx
from attribase.store import DataError, InvalidInputError, NotFoundError, Store, key_id

DIM = 12


def linear(rng, dim=DIM, out=7):
    return LinearMapper(
        rng.normal(size=(out, dim)).astype(np.float32), rng.normal(size=out).astype(np.float32)
    )


def channel(rng, dim=DIM):
    return ChannelMapper(rng.normal(size=(1, dim)).astype(np.float32))


def mlp(rng):
    def norm(width, *, affine):
        names = ("running_mean", *(("weight", "bias") if affine else ()))
        return {name: rng.normal(size=width) for name in names} | {"running_var": rng.uniform(0.1, 3, width)}

    first = Layer(rng.normal(size=(9, DIM)), None, norm(9, affine=True))
    return MlpMapper((first, Layer(rng.normal(size=(5, 9)), rng.normal(size=5), norm(5, affine=False))))


def blocks(rng):
    parts = Block(0, 8, linear(rng, 8, 3), 0.3), Block(8, DIM, channel(rng, 4), 0.7)
    return BlocksMapper(parts, DIM)


def biased(rng, weight=0.5):
    bank = rng.normal(size=(20, 7))
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    return MapperPair(
        BiasedImageMapper(linear(rng), weight, bank.astype(np.float32), 4),
        BiasedSampleMapper(linear(rng), weight),
    )


KINDS = {
    **{make.__name__: lambda rng, make=make: MapperPair(make(rng), make(rng)) for make in (linear, channel)},
    "mlp": lambda rng: MapperPair(mlp(rng), mlp(rng)),
    "blocks": lambda rng: MapperPair(blocks(rng), blocks(rng)),
    "with_bias": biased,
    "with_bias of weight 0": lambda rng: biased(rng, 0.0),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS)
def test_both_outputs_are_numpys_to_1e_5_and_unit_rows(rng, kind):
    pair = KINDS[kind](rng)
    features = (3 * rng.normal(size=(50, DIM)) + 1).astype(np.float32)
    session = onnxruntime.InferenceSession(mapper_onnx(pair, "e", "m"))
    for side, expected in (("real", pair.real(features)), ("synth", pair.synth(features))):
        (made,) = session.run([side], {"features": features})
        np.testing.assert_allclose(made, expected, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("items", [0, 1])
def test_any_number_of_items_is_taken(rng, items):
    session = onnxruntime.InferenceSession(mapper_onnx(KINDS["blocks"](rng), "e", "m"))
    (made,) = session.run(["real"], {"features": np.zeros((items, DIM), np.float32) + 1})
    assert made.shape == (items, 7)


def test_a_row_that_is_mapped_to_zeros_stays_zero(rng):
    session = onnxruntime.InferenceSession(mapper_onnx(KINDS["channel"](rng), "e", "m"))
    (made,) = session.run(["real"], {"features": np.zeros((1, DIM), np.float32)})
    assert made.tolist() == [[0.0] * DIM]


def test_the_file_says_what_it_is_of_and_is_the_same_each_time(rng):
    pair = KINDS["mlp"](rng)
    data = mapper_onnx(pair, "clip-vit-b16", "object+style")
    props = {one.key: one.value for one in onnx.load_from_string(data).metadata_props}
    assert props == {"encoder": "clip-vit-b16", "mapper": "object+style", "kind": "mlp"}
    assert mapper_onnx(pair, "clip-vit-b16", "object+style") == data


def test_a_file_of_other_weights_is_noticed(rng):
    first, second = KINDS["linear"](rng), KINDS["linear"](rng)
    features = rng.normal(size=(5, DIM)).astype(np.float32)
    assert largest_difference(mapper_onnx(first, "e", "m"), first, features) < 1e-6
    with pytest.raises(DataError, match="differs from the stored one"):
        largest_difference(mapper_onnx(first, "e", "m"), second, features)


def test_raw_features_have_nothing_to_export():
    with pytest.raises(InvalidInputError, match="no mapper to export"):
        mapper_onnx(MapperPair(), "e", "none")


def test_a_stored_mapper_is_exported_with_or_without_stored_features(rng, tmp_path):
    store = Store.create(tmp_path / "a.store")
    pair = KINDS["linear"](rng)
    row = {"mapper_id": key_id("e", "m"), "encoder": "e", "mapper": "m", "weights": pair.to_bytes()}
    store.upsert("mappers", [row])
    first = export_mapper(store, "e", "m")
    base = (100 * rng.normal(size=(1, DIM))).astype(np.float32)
    row = {"item_id": "i", "item_kind": "image", "base": base[0].tolist()}
    store.upsert(store.ensure_vectors("e", DIM), [row])
    second = export_mapper(store, "e", "m")
    assert first.data == second.data
    session = onnxruntime.InferenceSession(second.data)
    made = session.run(["real", "synth"], {"features": base})
    expected = abs(made[0] - pair.real(base)).max(), abs(made[1] - pair.synth(base)).max()
    assert second.difference == pytest.approx(max(expected), abs=1e-9)
    with pytest.raises(NotFoundError, match="no mapper 'other'"):
        export_mapper(store, "e", "other")
