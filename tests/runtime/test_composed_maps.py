import numpy as np
import pytest
from attribase.runtime import (
    BiasedImageMapper,
    BiasedSampleMapper,
    Block,
    BlocksMapper,
    ChannelMapper,
    LinearMapper,
    MapperPair,
)
from attribase.runtime.mapper_state import mapper_from_state
from attribase.store.errors import InvalidInputError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def linear(rng: np.random.Generator, dim_in: int, dim_out: int) -> LinearMapper:
    return LinearMapper(
        rng.normal(size=(dim_out, dim_in)).astype(np.float32), rng.normal(size=dim_out).astype(np.float32)
    )


def blocks(rng: np.random.Generator) -> BlocksMapper:
    """Of 9 dimensions: 0 to 4 as 3, then 4 to 7 as they are; the last two are left out."""
    identity = ChannelMapper(np.ones((1, 3), np.float32))
    return BlocksMapper((Block(0, 4, linear(rng, 4, 3), 0.7), Block(4, 7, identity, 0.3)), 9)


def unit(row: np.ndarray) -> np.ndarray:
    return row / np.sqrt((row * row).sum())


def biased_pair(rng: np.random.Generator, weight: float = 0.5) -> MapperPair:
    bank = np.stack([unit(row) for row in rng.normal(size=(20, 6))]).astype(np.float32)
    return MapperPair(
        BiasedImageMapper(blocks(rng), weight, bank, 3), BiasedSampleMapper(blocks(rng), weight)
    )


def test_a_product_of_block_rows_is_the_weighted_mean_of_the_parts_cosines(rng):
    pair = MapperPair(blocks(rng), blocks(rng))
    images, samples = rng.normal(size=(2, 5, 9)).astype(np.float32)
    got = pair.real(images).astype(np.float64) @ pair.synth(samples).T
    real, synth = pair.h_real.blocks[0].map, pair.h_synth.blocks[0].map
    for i, image in enumerate(images):
        for j, sample in enumerate(samples):
            first = unit(real.weight @ image[:4] + real.bias) @ unit(synth.weight @ sample[:4] + synth.bias)
            second = unit(image[4:7]) @ unit(sample[4:7])
            assert got[i, j] == pytest.approx(0.7 * first + 0.3 * second, abs=1e-6)


def test_block_rows_have_unit_length_before_they_are_normalised(rng):
    rows = blocks(rng)(rng.normal(size=(8, 9)) * 100)
    assert rows.shape == (8, 6)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(8), abs=1e-12)


def test_a_part_of_zeros_leaves_the_other_parts(rng):
    features = rng.normal(size=(1, 9)).astype(np.float32)
    features[:, 4:7] = 0
    (row,) = MapperPair(blocks(rng), blocks(rng)).real(features)
    assert np.linalg.norm(row) == pytest.approx(1)
    assert row[3:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 2.5])
def test_a_biased_product_is_the_similarity_less_what_near_samples_have(rng, weight):
    pair = biased_pair(rng, weight)
    images, samples = rng.normal(size=(2, 7, 9)).astype(np.float32)
    real, synth = pair.real(images).astype(np.float64), pair.synth(samples).astype(np.float64)
    plain = MapperPair(pair.h_real.inner, pair.h_synth.inner)
    u, v = plain.real(images).astype(np.float64), plain.synth(samples).astype(np.float64)
    for i in range(7):
        near = sorted((float(u[i] @ row) for row in pair.h_real.bank), reverse=True)[:3]
        wanted = (v @ u[i] - weight * sum(near) / 3) / (1 + weight)
        assert real[i] @ synth.T == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("weight", [0.5, 2.5])
def test_biased_rows_have_unit_length_before_they_are_normalised(rng, weight):
    pair = biased_pair(rng, weight)
    features = rng.normal(size=(8, 9))
    for side in (pair.h_real, pair.h_synth):
        assert side.dim_out == 8
        assert np.linalg.norm(side(features), axis=1) == pytest.approx(np.ones(8), abs=1e-12)


def test_an_image_of_zeros_has_no_similarity_to_anything(rng):
    identity = ChannelMapper(np.ones((1, 4), np.float32))
    bank = np.eye(4, dtype=np.float32)
    pair = MapperPair(BiasedImageMapper(identity, 0.5, bank, 2), BiasedSampleMapper(identity, 0.5))
    products = pair.real(np.zeros((1, 4), np.float32)) @ pair.synth(rng.normal(size=(3, 4))).T
    assert products.tolist() == [[0, 0, 0]]


def test_no_rows_give_no_rows(rng):
    pair = biased_pair(rng)
    assert pair.real(np.zeros((0, 9), np.float32)).shape == pair.synth(np.zeros((0, 9), np.float32)).shape
    assert pair.real(np.zeros((0, 9), np.float32)).shape == (0, 8)


def test_what_an_image_is_mapped_to_does_not_depend_on_its_batch(rng):
    pair = biased_pair(rng)
    features = rng.normal(size=(1300, 9)).astype(np.float32)
    alone = np.concatenate([pair.real(features[place : place + 1]) for place in range(len(features))])
    assert np.array_equal(pair.real(features), alone)


def test_both_kinds_come_back_from_their_bytes(rng):
    features = rng.normal(size=(5, 9)).astype(np.float32)
    for pair, kind in ((MapperPair(blocks(rng), blocks(rng)), "blocks"), (biased_pair(rng), "with_bias")):
        again = MapperPair.from_bytes(pair.to_bytes())
        assert (again.kind, again.dim_in, again.dim_out) == (kind, pair.dim_in, pair.dim_out)
        assert again.to_bytes() == pair.to_bytes()
        assert np.array_equal(again.real(features), pair.real(features))
        assert np.array_equal(again.synth(features), pair.synth(features))


def test_a_side_that_is_biased_needs_its_counterpart_of_the_same_weight(rng):
    pair, other = biased_pair(rng, 0.5), biased_pair(rng, 0.6)
    for sides in (
        (pair.h_synth, pair.h_real),
        (pair.h_real, pair.h_real),
        (pair.h_synth, pair.h_synth),
        (pair.h_real, other.h_synth),
    ):
        with pytest.raises(InvalidInputError, match="same weight"):
            MapperPair(*sides)
    with pytest.raises(InvalidInputError, match="differ"):
        MapperPair(pair.h_real, pair.h_synth.inner)


def test_blocks_that_do_not_fit_are_refused(rng):
    one = linear(rng, 4, 3)
    for spans, weights, dim_in in (
        ([(0, 4), (4, 8)], (0.5, 0.6), 8),  # weights that sum to more than 1
        ([(0, 4), (4, 8)], (1.5, -0.5), 8),
        ([(0, 4), (4, 8)], (0.5, 0.5), 7),  # beyond the feature
        ([(0, 3), (4, 8)], (0.5, 0.5), 8),  # of another length than the map takes
        ([], (), 8),
    ):
        with pytest.raises(InvalidInputError, match=r"weights of the blocks|does not fit"):
            BlocksMapper(
                tuple(Block(*span, one, weight) for span, weight in zip(spans, weights, strict=True)), dim_in
            )


def test_a_bank_that_does_not_fit_is_refused(rng):
    inner, bank = linear(rng, 4, 3), np.ones((2, 3), np.float32)
    for bad in ((inner, 0.5, bank[:, :2], 1), (inner, 0.5, bank, 3), (inner, -0.5, bank, 1)):
        with pytest.raises(InvalidInputError, match=r"does not fit|neighbours|weight of a shift"):
            BiasedImageMapper(*bad)
    with pytest.raises(InvalidInputError, match="weight of a shift"):
        BiasedSampleMapper(inner, float("nan"))


@pytest.mark.parametrize(
    "lost", ["blocks.weights", "blocks.dim_in", "blocks.1.weights", "with_bias.neighbours"]
)
def test_a_state_that_lacks_a_key_is_no_map(rng, lost):
    pair = biased_pair(rng)
    state = pair.h_real.state() if lost.startswith("with_bias") else pair.h_real.inner.state()
    del state[lost]
    with pytest.raises(InvalidInputError, match="no mapper's keys"):
        mapper_from_state(state)
