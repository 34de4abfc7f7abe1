"""Intervals against scipy, against theory, and against what independence would claim."""

import numpy as np
import pytest
from attribase.query.sql.bootstrap import bounds, difference
from attribase.store import InvalidInputError
from scipy import stats

from ..intervals import interval, paired_difference


def test_singleton_groups_give_scipys_percentile_interval():
    values = np.random.default_rng(0).exponential(size=200)
    found = interval(values, range(200), resamples=20_000)
    wanted = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert found.estimate == pytest.approx(values.mean())
    width = wanted.high - wanted.low
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=0.03 * width)


def test_many_groups_give_the_normal_interval_of_the_group_means():
    rng = np.random.default_rng(1)
    means = rng.normal(size=400)
    found = interval(np.repeat(means, 5), np.repeat(np.arange(400), 5), resamples=10_000)
    half = 1.96 * means.std() / np.sqrt(400)
    assert (found.low, found.high) == pytest.approx(
        (means.mean() - half, means.mean() + half), abs=0.06 * half
    )
    assert (found.samples, found.groups) == (2000, 400)


def test_repeated_samples_of_a_model_do_not_narrow_the_interval():
    rng = np.random.default_rng(2)
    values = rng.normal(size=40)
    once = interval(values, range(40))
    often = interval(np.repeat(values, 16), np.repeat(np.arange(40), 16))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    naive = interval(np.repeat(values, 16), range(640))
    assert often.high - often.low > 3 * (naive.high - naive.low)


def test_models_of_different_size_weigh_by_their_samples():
    found = interval([1, 1, 1, 0], ["a", "a", "a", "b"], resamples=4000)
    assert (found.estimate, found.low, found.high) == (0.75, 0.0, 1.0)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 4)
    hits = 0
    for trial in range(200):
        values = rng.normal(size=40)[groups] + rng.normal(size=160)
        found = interval(values, groups.tolist(), resamples=500, seed=trial)
        hits += found.low <= 0.0 <= found.high
    assert 0.88 <= hits / 200 <= 0.985


def test_a_seed_fixes_the_interval():
    values, groups = np.random.default_rng(4).normal(size=(60,)), list(range(60))
    assert interval(values, groups, seed=7) == interval(values, groups, seed=7)
    assert interval(values, groups, seed=7) != interval(values, groups, seed=8)


def test_many_groups_are_drawn_in_parts_of_any_size(monkeypatch):
    import attribase.query.sql.bootstrap as module

    values = np.random.default_rng(5).normal(size=500)
    whole = interval(values, range(500), resamples=4000)
    monkeypatch.setattr(module, "MAX_COUNTS", 700)
    parts = interval(values, range(500), resamples=4000)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), abs=0.02)


def test_pairs_cancel_what_the_samples_share():
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(30), 4).tolist()
    hardness = rng.normal(scale=10, size=120)
    second = hardness + 0.5 + rng.normal(scale=0.1, size=120)
    found = paired_difference(hardness, second, groups)
    assert found.estimate == pytest.approx(0.5, abs=0.05)
    assert found.low > 0.4
    assert not found.low <= 0.0 <= found.high
    assert paired_difference(second, hardness, groups).estimate == pytest.approx(-found.estimate)


def test_the_difference_to_a_control_is_of_means_with_arms_drawn_together():
    rng = np.random.default_rng(7)
    shared = rng.normal(scale=5, size=50)
    values = np.concatenate([shared + 1, shared])
    control = np.repeat([False, True], 50)
    found = difference(values, control, [*range(50), *range(50)])
    assert (found.estimate, found.low, found.high) == pytest.approx((1, 1, 1))
    apart = difference(values, control, range(100))  # as if the arms had nothing to do with each other
    assert apart.high - apart.low > 1


@pytest.mark.parametrize(
    ("values", "groups", "settings", "message"),
    [
        ([], [], {}, "0 values and 0 groups"),
        ([1.0], ["a", "b"], {}, "1 values and 2 groups"),
        ([float("nan")], ["a"], {}, "not finite"),
        ([1.0], ["a"], {"confidence": 95}, "confidence 95"),
    ],
)
def test_invalid_values_have_no_interval(values, groups, settings, message):
    with pytest.raises(InvalidInputError, match=message):
        difference(values, [True] * len(values), groups, **settings)


def test_differences_need_both_sides():
    with pytest.raises(InvalidInputError, match="and of the control"):
        difference([1, 2], [True], ["a", "b"])
    with pytest.raises(InvalidInputError, match="and of the control"):
        difference([1, 2], [True, True], ["a", "b"])


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(3)
    values, groups = rng.normal(size=60), [f"m{n % 7}" for n in range(60)]
    control = np.arange(60) < 30
    order = rng.permutation(60)
    shuffled = [groups[n] for n in order]
    one, other = interval(values, groups), interval(values[order], shuffled)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-14)
    one, other = difference(values, control, groups), difference(values[order], control[order], shuffled)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-14)


def test_bounds_are_the_intervals_of_each_column():
    rng = np.random.default_rng(4)
    values, groups = rng.normal(size=(90, 3)), np.arange(90) % 11
    sums = np.stack([values[groups == g].sum(axis=0) for g in range(11)])
    counts = np.bincount(groups)
    low, high = bounds(sums, counts)
    for column in range(3):
        alone = interval(values[:, column], [f"{g:02d}" for g in groups])
        assert (low[column], high[column]) == pytest.approx((alone.low, alone.high))


def test_many_groups_are_drawn_in_blocks_as_few_are_at_once(monkeypatch):
    rng = np.random.default_rng(5)
    values, groups = rng.normal(size=300), [n % 100 for n in range(300)]
    at_once = interval(values, groups)
    monkeypatch.setattr("attribase.query.sql.bootstrap.MAX_COUNTS", 1000)
    in_blocks = interval(values, groups)
    assert (at_once.low, at_once.high) == pytest.approx((in_blocks.low, in_blocks.high))
