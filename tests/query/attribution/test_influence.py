"""Shares of influence and bounds on what was not seen, against plain sums."""

import numpy as np
import pytest
from attribase.query.attribution.influence import influence_shares, unseen_influence
from attribase.runtime.influence import PaperLaw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

SIMILARITIES = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1, 1, width=32))
FITTED = st.builds(PaperLaw, st.floats(0.01, 2), st.sampled_from([-0.5, -1e-3, 0.0, 1e-6, 0.01, 0.3, 0.9]))


def terms(similarities, fitted):
    """relu(exp((s - s0) / tau) - lambda) of eq. 6."""
    wide = similarities.astype(np.float64)
    return np.maximum(np.exp((wide - wide.max()) / fitted.tau) - fitted.lam, 0)


@given(SIMILARITIES, FITTED)
def test_shares_are_those_of_the_plain_sum(similarities, fitted):
    plain = terms(similarities, fitted)
    shares = influence_shares(similarities, fitted)
    whole = np.zeros(len(similarities))
    whole[shares.positions] = shares.influence
    assert whole == pytest.approx(plain / plain.sum(), abs=1e-12)
    assert shares.total == pytest.approx(plain.sum(), rel=1e-9)
    assert (shares.influence > 0).all()


@given(SIMILARITIES, FITTED, st.integers(1, 60))
def test_what_the_best_leave_unseen_is_never_more_than_is_claimed(similarities, fitted, seen):
    falling = np.sort(similarities)[::-1]
    plain = terms(falling, fitted)
    best = falling[:seen]
    shares = influence_shares(best, fitted)
    claimed = unseen_influence(shares, float(best[0]), float(best[-1]), len(falling) - len(best), fitted)
    truly = plain[len(best) :].sum() / plain.sum()
    assert truly <= claimed + 1e-12
    if claimed == 0:  # then the shares of the best are those of all
        assert truly == 0
        whole = influence_shares(falling, fitted)
        assert shares.positions.tolist() == whole.positions.tolist()
        assert shares.influence == pytest.approx(whole.influence, rel=1e-12)
