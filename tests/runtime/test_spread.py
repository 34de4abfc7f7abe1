"""The law of the query's own spread, against its equations written out."""

import math
from dataclasses import replace

import numpy as np
import pytest
from attribase.query.attribution.influence import influence_shares, negligible_similarity, unseen_influence
from attribase.runtime.spread import ALL_KINDS, SpreadCalibration, SpreadLaw, SpreadLaws, SpreadParameters
from attribase.store.errors import DataError, InvalidInputError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

FITTED = SpreadParameters(2.0, -1.0, -2.0, 5.0, -10.0, 10.0)
SIMILARITIES = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1, 1, width=32))
PARAMETERS = st.builds(
    SpreadParameters,
    st.floats(-1, 3),
    st.floats(-1, 1),
    st.floats(-12, 0),
    st.floats(-3, 9),
    st.just(1.0),
    st.just(5.0),
    st.floats(-1, 1),
    st.floats(-0.9, 0.9),
)


def by_hand(similarities, mean, spread, fitted):
    """Shares of the candidates and of the null, by the equations of the module."""
    z = (similarities.astype(np.float64) - mean) / spread
    tenth = np.sort(z)[::-1][:10][-1]
    near = min(max(tenth, fitted.least_crowd), fitted.most_crowd)
    a, c = math.log1p(math.exp(fitted.sharpness + fitted.crowding * (near - 3))), fitted.curvature
    held = np.minimum(z, -a / c) if c < 0 else z
    bent = np.where(held > 0, c * held**2 / 2, 0)
    ratios = np.exp(a * held + bent - a * a / 2) + math.exp(fitted.log_floor)
    null = math.exp(fitted.log_null + fitted.null_crowding * (near - 3))
    total = ratios.sum() + null
    return ratios / total, null / total


@given(SIMILARITIES, PARAMETERS, st.floats(-0.2, 0.2), st.floats(0.05, 0.5))
def test_shares_are_those_of_the_equations_and_sum_to_one_with_the_null(similarities, fitted, mean, spread):
    law = SpreadLaw.of_query(mean, spread, similarities, fitted)
    shares = influence_shares(similarities, law)
    whole = np.zeros(len(similarities))
    whole[shares.positions] = shares.influence
    expected, null = by_hand(similarities, mean, spread, fitted)
    assert whole == pytest.approx(expected, abs=1e-9)
    assert shares.null_share == pytest.approx(null, abs=1e-9)
    assert shares.influence.sum() + shares.null_share == pytest.approx(1, abs=1e-12)


@given(SIMILARITIES, PARAMETERS, st.integers(10, 60))
def test_what_is_not_seen_never_has_more_than_its_bound(similarities, fitted, seen):
    falling = np.sort(similarities)[::-1]
    best = falling[:seen]
    law = SpreadLaw.of_query(0.0, 0.2, best, fitted)
    shares = influence_shares(best, law)
    bound = unseen_influence(shares, float(best[0]), float(best[-1]), len(falling) - len(best), law)
    truly = by_hand(falling, 0.0, 0.2, fitted)[0][len(best) :].sum()
    assert truly <= bound + 1e-9


@given(SIMILARITIES, PARAMETERS, st.floats(-1, 1))
def test_the_similarity_of_a_numerator_is_where_it_came_from(similarities, fitted, similarity):
    law = SpreadLaw.of_query(0.0, 0.2, similarities, fitted)
    best = float(similarities.max())
    term = float(law.terms(np.float64(similarity), best))
    found = law.similarity_of(term, best)
    assert law.terms(np.float64(found), best) == pytest.approx(term, rel=1e-6, abs=1e-12)
    assert found <= similarity + 1e-3


def test_below_the_floor_there_is_no_similarity():
    law = SpreadLaw.of_query(0.0, 0.2, np.array([0.9, 0.1], np.float32), FITTED)
    floor = float(law.terms(np.float64(-np.inf), 0.9)) + float(np.exp(-2 - law.log_ratio(0.9)))
    assert law.similarity_of(floor * 0.999, 0.9) == -np.inf
    assert law.similarity_of(0.0, 0.9) == -np.inf
    shares = influence_shares(np.array([0.9, 0.1], np.float32), law)
    assert negligible_similarity(shares, 0.9, 1000, 1e-4, law) == -np.inf


@pytest.mark.parametrize("curvature", [-0.7, 0.0, 0.3])
def test_more_similar_images_never_have_less_influence(curvature):
    similarities = np.linspace(-1, 1, 101).astype(np.float32)
    fitted = replace(FITTED, curvature=curvature)
    shares = influence_shares(similarities, SpreadLaw.of_query(0.0, 0.2, similarities, fitted))
    assert (np.diff(shares.influence) >= 0).all()
    assert shares.positions.tolist() == list(range(101))


def test_crowding_outside_of_what_was_fitted_counts_as_its_edge():
    narrow = replace(FITTED, least_crowd=2.0, most_crowd=4.0)
    assert narrow.steepness(1.0) == narrow.steepness(2.0) == FITTED.steepness(2.0)
    assert narrow.steepness(9.0) == FITTED.steepness(4.0) < FITTED.steepness(3.0)


def test_the_null_of_a_crowded_query_is_as_much_larger_as_was_fitted():
    fitted = replace(FITTED, null_crowding=0.5, least_crowd=2.0, most_crowd=4.0)
    assert fitted.log_nulls(3.0) == FITTED.log_null
    assert fitted.log_nulls(3.8) == pytest.approx(FITTED.log_null + 0.4)
    assert fitted.log_nulls(9.0) == fitted.log_nulls(4.0) == FITTED.log_null + 0.5


def test_parameters_of_earlier_versions_have_no_curvature():
    text = '{"all": {"sharpness": 2, "crowding": -1, "log_floor": -2, "log_null": 5,'
    text += ' "least_crowd": -10, "most_crowd": 10}}'
    assert SpreadCalibration.from_json(text, "").of_kind(None) == FITTED


def test_a_kind_without_parameters_has_those_of_all():
    style = replace(FITTED, sharpness=0.0)
    calibration = SpreadCalibration({ALL_KINDS: FITTED, "style": style}, "digest")
    assert calibration.of_kind("style") == style
    assert calibration.of_kind("object") == calibration.of_kind(None) == calibration.of_kind("") == FITTED
    assert SpreadCalibration.from_json(calibration.to_json(), "digest") == calibration


def test_each_question_has_its_own_mean_and_spread():
    laws = SpreadLaws(np.array([0.0, 0.1]), np.array([0.2, 0.3]), (FITTED, replace(FITTED, log_null=1.0)))
    similarities = np.array([0.5, 0.1], np.float32)
    for at, (mean, spread, fitted) in enumerate(
        zip(laws.mean.tolist(), laws.spread.tolist(), laws.parameters, strict=True)
    ):
        shares = influence_shares(similarities, laws.law(at, similarities))
        assert shares.influence == pytest.approx(by_hand(similarities, mean, spread, fitted)[0])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"all": {}}', '{"all": {"sharpness": NaN}}', "null"])
def test_broken_parameters_are_an_error(text):
    with pytest.raises(DataError, match="broken"):
        SpreadCalibration.from_json(text, "")


def test_a_similarity_that_is_not_finite_is_an_error():
    with pytest.raises(InvalidInputError, match="not finite"):
        influence_shares(np.array([np.nan, 0.5], np.float32), SpreadLaw(0.0, 0.2, 1.0, 5.0, FITTED))
