"""The reliability diagram and its error, against sums over sorted shares."""

import numpy as np
import pytest
from attribase.query.evaluation.reliability import ReliabilityCounts


def test_shares_that_come_true_as_often_as_they_say_have_no_error():
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.01, 0.99, size=200_000)
    counts = ReliabilityCounts(queries=int(shares.sum()))
    counts.add(shares, (rng.uniform(size=len(shares)) < shares).astype(float))
    assert counts.ece() < 0.005
    bins = counts.bins()
    assert [one.mass for one in bins] == pytest.approx([0.1] * 10, abs=0.001)
    for one in bins:
        assert one.true == pytest.approx(one.predicted, abs=0.01)


def test_the_error_is_the_influence_in_wrong_bins():
    """Two queries say 0.8 and 0.2; all of it is true of the second image."""
    counts = ReliabilityCounts(queries=2)
    counts.add(np.array([0.8, 0.2, 0.8, 0.2]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert counts.ece(2) == pytest.approx(0.8)
    assert counts.brier() == pytest.approx(2 * (0.64 + 0.64) / 2)


def test_bins_are_those_of_sorted_shares():
    rng = np.random.default_rng(1)
    shares, truth = np.sort(10 ** rng.uniform(-6, -0.01, size=5000)), rng.uniform(size=5000)
    counts = ReliabilityCounts(queries=1)
    counts.add(shares, truth)
    middle = shares.cumsum() - shares / 2
    at = np.minimum((5 * middle / shares.sum()).astype(int), 4)
    for number, one in enumerate(counts.bins(5)):
        assert one.count == pytest.approx((at == number).sum(), rel=0.02)
        assert one.predicted == pytest.approx(shares[at == number].mean(), rel=0.02)
        assert one.true == pytest.approx(truth[at == number].mean(), rel=0.05)


def test_sums_of_counts_are_counts_of_all():
    one, other, both = (ReliabilityCounts(queries=n) for n in (1, 2, 3))
    for counts in (one, both):
        counts.add(np.array([0.3, 0.7]), np.array([0.0, 1.0]))
    for counts in (other, both):
        counts.add(np.array([[0.0, 1.0]]), 0.5)
    total = one + other
    assert (total.queries, total.squares) == (both.queries, pytest.approx(both.squares))
    assert total.ece() == pytest.approx(both.ece())
    assert total.bins() == both.bins()


def test_a_share_of_zero_counts_in_the_first_bin():
    counts = ReliabilityCounts(queries=1)
    counts.add(np.array([0.0, 0.5, 0.5]), np.array([1.0, 0.0, 0.0]))
    assert sum(one.count for one in counts.bins()) == 3
    assert counts.ece() == pytest.approx(1.0)
