"""Conformal p-values and set thresholds, against counting by hand, brute force and simulated models."""

import math

import numpy as np
import pytest
from attribase.runtime.conformal import (
    is_at_most,
    least_p_value,
    models_needed,
    p_values,
    set_threshold,
)
from attribase.store.errors import InvalidInputError

LEVELS = (0.05, 0.1, 0.2, 0.5)
TRIALS = 1500


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw_models(rng, models):
    """Samples of each model: a normal effect of the model, smaller ones of samples; 1 to 12 samples."""
    return [rng.normal(rng.normal(), 0.3, rng.integers(1, 13)) + rng.exponential() for _ in range(models)]


def draw_exemplars(rng, models):
    """Scores of 1 to 6 exemplars for each of the samples."""
    drawn = []
    for samples in draw_models(rng, models):
        count = rng.integers(1, 7)
        drawn.append([rng.normal(one, 0.5, count) for one in samples])
    return drawn


def recall_loss(samples, threshold):
    return float(np.mean([np.mean(own < threshold) for own in samples]))


def test_one_sample_a_model_gives_the_usual_p_value():
    null = [np.array([value]) for value in (1.0, 2.0, 3.0, 4.0)]
    asked = np.array([0.5, 1.0, 2.5, 4.0, 4.5])
    expected = [(1 + sum(one[0] >= value for one in null)) / 5 for value in asked]
    assert p_values(asked, null).tolist() == pytest.approx(expected)
    assert p_values(9.0, null).tolist() == [0.2] == [least_p_value(4)]


def test_models_weigh_the_same_however_many_samples_they_have():
    null = [np.array([1.0]), np.array([3.0, 3.0, 0.0, 0.0])]
    assert p_values(2.0, null).tolist() == pytest.approx([(1 + 0 + 2 / 4) / 3])


def test_without_models_no_score_is_unlikely():
    assert p_values(1e9, []).tolist() == [1.0]


@pytest.mark.parametrize(
    ("alpha", "needed"), [(0.5, 1), (0.2, 4), (0.1, 9), (0.05, 19), (0.01, 99), (0.3, 3), (0.999, 1)]
)
def test_a_level_needs_so_many_models(alpha, needed):
    assert models_needed(alpha) == needed
    assert is_at_most(least_p_value(needed), alpha)
    assert needed == 1 or not is_at_most(least_p_value(needed - 1), alpha)


def test_false_rejections_stay_below_the_level_for_samples_that_depend_on_their_model(rng):
    hits = np.zeros(len(LEVELS))
    for _ in range(TRIALS):
        *null, last = draw_models(rng, 20)
        p = p_values(rng.choice(last), null)[0]
        hits += [is_at_most(p, alpha) for alpha in LEVELS]
    for alpha, rate in zip(LEVELS, hits / TRIALS, strict=True):
        error = 3 * math.sqrt(alpha * (1 - alpha) / TRIALS)
        assert rate <= alpha + error
        assert rate >= alpha - 1 / 20 - error  # and not by refusing everything


def test_counting_samples_as_units_would_reject_too_often(rng):
    """Why the model is the unit: the same simulation with all samples pooled exceeds its level."""
    hits = 0
    for _ in range(TRIALS):
        *null, last = [rng.normal(rng.normal(), 0.01, 30) for _ in range(6)]
        pooled = np.concatenate(null)
        hits += (1 + np.sum(pooled >= last[0])) / (len(pooled) + 1) <= 0.05
    assert hits / TRIALS > 0.1


def test_the_threshold_is_the_largest_that_satisfies_the_inequality(rng):
    for _ in range(10):
        exemplars = draw_exemplars(rng, int(rng.integers(4, 10)))
        models = len(exemplars)
        alpha = float(rng.uniform(1 / (models + 1), 0.9))
        values = sorted({float(value) for samples in exemplars for own in samples for value in own})
        good = [
            t
            for t in values
            if models / (models + 1) * np.mean([recall_loss(one, t) for one in exemplars]) + 1 / (models + 1)
            <= alpha + 1e-12
        ]
        assert set_threshold(exemplars, alpha) == max(good)


def test_the_set_misses_at_most_alpha_of_the_exemplars_of_another_model(rng):
    losses = np.zeros((TRIALS, len(LEVELS)))
    for trial in range(TRIALS):
        *known, last = draw_exemplars(rng, 20)
        losses[trial] = [recall_loss(last, set_threshold(known, alpha)) for alpha in LEVELS]
    error = 3 * losses.std(axis=0) / math.sqrt(TRIALS)
    assert (losses.mean(axis=0) <= np.array(LEVELS) + error).all()
    assert (losses.mean(axis=0) >= np.array(LEVELS) - 2 / 20 - error).all()


def test_nine_models_support_a_tenth_only_by_missing_nothing():
    exemplars = [[np.array([float(value)])] for value in range(9)]
    assert set_threshold(exemplars, 0.1) == 0.0  # all nine are in the set
    assert set_threshold(exemplars, 0.2) == 1.0  # (0.2 * 10 - 1) / 9: one may be missed
    assert set_threshold(exemplars, 0.0999) == -math.inf
    assert set_threshold([], 0.5) == -math.inf


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_a_level_outside_0_and_1_is_refused(alpha):
    with pytest.raises(InvalidInputError, match="alpha"):
        set_threshold([[np.array([1.0])]], alpha)
