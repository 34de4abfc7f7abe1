"""Tests over models against enumeration, SciPy and values worked out by hand."""

import itertools

import numpy as np
import pytest
from attribase.query.evaluation.paired_tests import FLIPS, holm, paired_tests, sign_flip_p


def enumerated(gap):
    """The share of all signs with a mean as far from 0, by enumeration."""
    signs = np.array(list(itertools.product((-1, 1), repeat=len(gap))))
    return float((np.abs(signs @ gap) >= abs(gap.sum()) - 1e-12).mean())


def test_p_of_a_few_models_is_that_of_all_signs():
    gaps = np.random.default_rng(0).normal(0.3, 1, size=(9, 5))
    assert sign_flip_p(gaps).tolist() == pytest.approx([enumerated(gap) for gap in gaps.T])


def test_p_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    gap = np.random.default_rng(1).normal(0.5, 1, size=12)
    expected = stats.permutation_test((gap,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(gap[:, None]) == pytest.approx([expected.pvalue])


def test_differences_of_one_size_have_the_share_of_equal_signs():
    """Of five, all have one sign in 2 of 32 ways; with one of the other sign in 12."""
    gaps = np.ones((5, 2)) * 0.1
    gaps[0, 1] = -0.1
    assert sign_flip_p(gaps).tolist() == [2 / 32, 12 / 32]


def test_p_of_many_models_is_near_that_of_all_signs():
    gap = np.random.default_rng(2).normal(0.4, 1, size=18)
    (found,), exact = sign_flip_p(gap[:, None]), enumerated(gap)
    assert found == pytest.approx(exact, abs=5 * (exact * (1 - exact) / FLIPS) ** 0.5)


def test_p_is_uniform_where_there_is_no_difference():
    p = sign_flip_p(np.random.default_rng(3).normal(size=(14, 2000)))
    for level in (0.05, 0.25, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * (level * (1 - level) / 2000) ** 0.5)


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_holm_by_hand(p, corrected):
    assert holm(p) == pytest.approx(corrected)


def test_numbers_by_hand():
    first, second = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0.2, 0.4, 0.4, 0.6, 0.5])
    (row,) = paired_tests([(first, second)])
    assert (row.models, row.first, row.second) == (5, pytest.approx(0.3), pytest.approx(0.42))
    assert row.difference == pytest.approx(0.12)  # of 0.1, 0.2, 0.1, 0.2, 0
    assert row.effect == pytest.approx(0.12 / 0.07**0.5 * 10**0.5)  # variance 0.028 / 4 = 0.007
    assert row.p == row.adjusted == pytest.approx(enumerated(second - first))
    assert 0 <= row.low < 0.12 < row.high <= 0.2
    assert row.holds is False


def test_p_values_are_corrected_for_what_was_tested_and_no_more():
    rng = np.random.default_rng(4)
    clear = (np.zeros(20), rng.normal(1, 0.1, 20))
    shorter = (np.zeros(10), rng.normal(1, 0.1, 10))
    few = (np.zeros(4), np.ones(4))
    rows = paired_tests([clear, few, shorter])
    assert [row.note for row in rows] == ["", "4 models: too few", ""]
    assert (rows[1].p, rows[1].adjusted, rows[1].holds, rows[1].low) == (None, None, None, None)
    assert [rows[0].p, rows[2].p] == [1 / (FLIPS + 1), 2 / 2**10]
    assert [rows[0].adjusted, rows[2].adjusted] == [2 / (FLIPS + 1), 2 / 2**10]
    assert [row.holds for row in rows] == [True, None, True]


def test_what_is_the_same_differs_by_nothing():
    (row,) = paired_tests([(np.full(6, 0.3), np.full(6, 0.3))])
    assert (row.difference, row.low, row.high, row.effect, row.p, row.holds) == (0, 0, 0, None, 1, False)
