import math

import numpy as np
import pytest
from attribase.runtime import cutoff, influence, influence_terms
from attribase.store.errors import InvalidInputError
from hypothesis import given
from hypothesis import strategies as st

SCORES = st.lists(st.floats(-1, 1), min_size=1, max_size=30)
TAU, LAMBDA = st.floats(0.01, 2), st.floats(0, 0.9)


def by_hand(scores: list[float], tau: float, lam: float) -> list[float]:
    best = max(scores)
    kept = [max(math.exp((score - best) / tau) - lam, 0) for score in scores]
    return [value / sum(kept) for value in kept]


@given(SCORES, TAU, LAMBDA)
def test_it_is_equation_six(scores, tau, lam):
    found = influence(scores, tau, lam)
    assert found == pytest.approx(by_hand(scores, tau, lam), abs=1e-12)
    assert found.sum() == pytest.approx(1)


@given(SCORES, TAU, st.floats(0.01, 0.9))
def test_what_is_at_or_below_the_cutoff_can_be_left_out(scores, tau, lam):
    """This is what makes a top-k answer exact."""
    scores = np.sort(np.array(scores))[::-1]
    above = scores[scores > cutoff(float(scores[0]), tau, lam)]
    assert influence(scores, tau, lam)[: len(above)] == pytest.approx(influence(above, tau, lam), abs=1e-9)
    assert influence(scores, tau, lam)[len(above) :] == pytest.approx(0, abs=1e-9)


def test_without_a_threshold_it_is_a_softmax():
    scores = np.array([0.3, 0.9, -0.2])
    softmax = np.exp(scores / 0.1) / np.exp(scores / 0.1).sum()
    assert influence(scores, 0.1, 0.0) == pytest.approx(softmax)
    assert cutoff(0.9, 0.1, 0.0) == -math.inf


def test_a_negative_threshold_leaves_a_share_for_everyone():
    assert (influence([1.0, -1.0], 0.01, -0.1) > 0.05).all()


def test_similarities_far_apart_do_not_overflow():
    assert influence([1.0, -1.0], 1e-6, 0.0).tolist() == [1.0, 0.0]


def test_nothing_in_nothing_out():
    assert influence([], 0.1, 0.1).shape == (0,)


@pytest.mark.parametrize(("tau", "lam"), [(0, 0.1), (-1, 0.1), (math.nan, 0), (0.1, 1), (0.1, math.nan)])
def test_settings_that_have_no_meaning_are_refused(tau, lam):
    with pytest.raises(InvalidInputError):
        influence([0.5], tau, lam)
    with pytest.raises(InvalidInputError):
        cutoff(0.5, tau, lam)


def test_a_similarity_that_is_no_number_is_refused():
    with pytest.raises(InvalidInputError, match="finite"):
        influence([0.5, math.nan], 0.1, 0.1)


@given(SCORES, TAU, LAMBDA)
def test_terms_of_torch_tensors_are_those_of_numpy_arrays(scores, tau, lam):
    import torch

    values = torch.tensor(scores, dtype=torch.float64)
    of_torch = influence_terms(values, values.max(), tau, lam, exp=torch.exp, relu=torch.relu)
    of_numpy = influence_terms(np.array(scores), max(scores), tau, lam)
    assert of_torch.numpy() == pytest.approx(of_numpy, abs=1e-12)
    assert influence(scores, tau, lam) == pytest.approx(of_numpy / of_numpy.sum(), abs=1e-12)


def test_terms_of_torch_tensors_can_be_differentiated():
    import torch

    tau, lam = torch.tensor(0.2, requires_grad=True), torch.tensor(0.1, requires_grad=True)
    values = torch.tensor([0.9, 0.5])
    influence_terms(values, values.max(), tau, lam, exp=torch.exp, relu=torch.relu).sum().backward()
    assert tau.grad == pytest.approx(math.exp(-0.4 / 0.2) * 0.4 / 0.2**2, rel=1e-5)
    assert lam.grad == -2
