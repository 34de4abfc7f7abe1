"""Rotations and signs: what is left of an inner product when one side keeps the signs of its numbers."""

import numpy as np
import pytest
from attribase.query.search.sign_kernels import WORD_BITS, encode_signs, estimate_by_signs, ones_of, rotate


def rotation(dim, rounds=2):
    rng = np.random.default_rng(3)
    padded = -(-dim // WORD_BITS) * WORD_BITS
    order = np.array([rng.permutation(padded) for _ in range(rounds)], np.int32)
    return order, rng.choice(np.array([-1, 1], np.float32), (rounds, padded))


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dim", [3, 64, 100, 512])
def test_a_rotation_keeps_inner_products_and_spreads_each_number(dim):
    order, flips = rotation(dim)
    rows = np.random.default_rng(1).normal(size=(20, dim)).astype(np.float32)
    rotated = np.empty((20, order.shape[1]), np.float32)
    for row, into in zip(rows, rotated, strict=True):
        rotate(row, order, flips, into)
    np.testing.assert_allclose(rotated @ rotated.T, rows @ rows.T, atol=2e-4 * dim)
    axis, into = np.zeros(dim, np.float32), np.empty(order.shape[1], np.float32)
    axis[1] = 1
    rotate(axis, order, flips, into)
    assert (into != 0).sum() >= WORD_BITS / 2
    assert np.abs(into).max() < 0.6


def test_ones_are_counted():
    words = np.random.default_rng(0).integers(0, 2**64, 100, np.uint64)
    assert [ones_of(word) for word in words] == [int(word).bit_count() for word in words]


@pytest.mark.parametrize("dim", [100, 512])
def test_estimates_are_unbiased_and_as_close_as_their_width_allows(dim):
    """RaBitQ's error: about 0.75 |r| |q - c| / sqrt(dim)."""
    rng = np.random.default_rng(5)
    (centre,) = unit(rng.normal(size=(1, dim)))
    rows = unit(centre + rng.normal(size=(3000, dim)) / np.sqrt(dim))
    (query,) = unit(centre + rng.normal(size=(1, dim)) / np.sqrt(dim))
    order, flips = rotation(dim)
    padded = order.shape[1]
    signs, terms = np.zeros((3000, padded // WORD_BITS), np.uint64), np.zeros((3000, 3), np.float32)
    lengths = rng.choice([1e-25, 0.5, 3, 1e25], size=(3000, 1)).astype(np.float32)
    centres = np.broadcast_to(centre, rows.shape).copy()
    encode_signs(rows * lengths, np.arange(3000), centres, order, flips, signs, terms)
    turned, rotated = np.empty((1, padded), np.float32), np.empty(padded, np.float32)
    rotate(centre, order, flips, turned[0])
    rotate(query, order, flips, rotated)
    places, found = np.empty(3000, np.int64), np.empty(3000, np.float32)
    near, spans = np.array([query @ centre], np.float32), (np.array([0]), np.array([3000]))
    rest = signs, terms, rotated, near, turned, *spans
    assert estimate_by_signs(*rest, np.zeros(0, bool), places, found) == 3000
    assert places.tolist() == list(range(3000))
    errors = found - rows @ query
    width = (
        0.75 * np.linalg.norm(rows - centre, axis=1).mean() * np.linalg.norm(query - centre) / np.sqrt(dim)
    )
    assert abs(errors.mean()) < 0.25 * width
    assert 0.7 * width < errors.std() < 1.3 * width
    allowed = np.arange(3000) % 7 == 0
    assert estimate_by_signs(*rest, allowed, places, found) == allowed.sum()
    assert places[: allowed.sum()].tolist() == np.flatnonzero(allowed).tolist()
