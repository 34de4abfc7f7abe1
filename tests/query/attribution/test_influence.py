"""Similarities to places and shares, held to plain sums."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.attribution.influence import CLOSE, PIECE, may_be_best, shares_of, unseen_share
from attribase.query.catalog import Calibration
from attribase.query.search.topk import in_order
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

SIMILARITIES = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1, 1, width=32))
FITTED = st.builds(Calibration, st.floats(0.01, 2), st.sampled_from([-0.5, -1e-3, 0.0, 1e-6, 0.01, 0.3, 0.9]))


def terms(similarities, fitted):
    """relu(exp((s - s0) / tau) - lambda) of eq. 6."""
    wide = similarities.astype(np.float64)
    return np.maximum(np.exp((wide - wide.max()) / fitted.tau) - fitted.lam, 0)


@given(SIMILARITIES, FITTED)
def test_shares_are_those_of_the_plain_sum(similarities, fitted):
    plain = terms(similarities, fitted)
    shares = shares_of(similarities, fitted)
    whole = np.zeros(len(similarities))
    whole[shares.places] = shares.influence
    assert whole == pytest.approx(plain / plain.sum(), abs=1e-12)
    assert shares.total == pytest.approx(plain.sum(), rel=1e-9)
    assert (shares.influence > 0).all()


@given(SIMILARITIES, FITTED, st.integers(1, 60))
def test_what_the_best_leave_unseen_is_never_more_than_is_told(similarities, fitted, seen):
    falling = np.sort(similarities)[::-1]
    plain = terms(falling, fitted)
    best = falling[:seen]
    shares = shares_of(best, fitted)
    told = unseen_share(shares, float(best[0]), float(best[-1]), len(falling) - len(best), fitted)
    truly = plain[len(best) :].sum() / plain.sum()
    assert truly <= told + 1e-12
    if told == 0:  # then the shares of the best are those of all
        assert truly == 0
        whole = shares_of(falling, fitted)
        assert shares.places.tolist() == whole.places.tolist()
        assert shares.influence == pytest.approx(whole.influence, rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_best_are_among_those_that_may_be_however_sums_are_rounded(seed, count):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40 * PIECE * 4))
    exact = np.round(rng.normal(size=size), rng.integers(1, 7)).astype(np.float32) / 4  # many ties
    rounded = exact + rng.uniform(-CLOSE / 4, CLOSE / 4, size).astype(np.float32)
    chosen = may_be_best(rounded, count)
    floor = np.sort(exact)[::-1][min(count, size) - 1]
    assert set(np.flatnonzero(exact >= floor)) <= set(chosen.tolist())
    assert len(chosen) < size or size <= count or (exact >= floor - 1e-3).all() or size < 4 * PIECE


def test_ties_are_ordered_by_image_id():
    similarities = np.array([0.5, 0.9, 0.5, 0.9, 0.1], np.float32)
    order = in_order(pa.array(["b", "z", "a", "c", "d"]), np.arange(5), similarities)
    assert order.tolist() == [3, 1, 2, 0, 4]
