"""Retrieval through the index: how deep it goes, and that an answer never claims too much."""

import numpy as np
import pytest
from attribase.query import Request, Session, answer_all
from attribase.query.attribution import retrieval_index
from attribase.store import ConflictError

from .top_space import indexed

SAMPLES = ["m0-s0", "m1-s1", "m2-s2", "m3-s3"]


@pytest.fixture(autouse=True)
def _shallow(monkeypatch):
    monkeypatch.setattr(retrieval_index, "FIRST_DEPTH", 5)


@pytest.mark.parametrize("lam", [-0.2, 0.0, 1e-4, 0.05, 0.5])
@pytest.mark.parametrize("tau", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("limit", [3, 50, 1000])
def test_an_index_answer_claims_no_more_than_the_whole_gallery_says(small, monkeypatch, tau, lam, limit):
    small.calibrate(tau, lam)
    whole = answer_all(Session(small.store).snapshot(), SAMPLES, Request(k=1000, details=False))
    snapshot, _ = indexed(small.store, monkeypatch)
    for exact, found in zip(
        whole, answer_all(snapshot, SAMPLES, Request(k=3, limit=limit, details=False)), strict=True
    ):
        true = {result.image_id: result.influence for result in exact.results}
        truly_unseen = sum(result.influence for result in exact.results[found.searched :])
        assert (found.method, found.exact, found.recall) == ("index", False, 0.995)
        assert found.searched <= max(limit, 3)
        assert truly_unseen <= found.unseen + 1e-9
        assert found.complete == (found.unseen == 0)
        assert found.complete or found.unseen <= 1e-4 or found.searched == min(limit, exact.pool_size)
        for result in found.results:  # of what was searched, so never less than of all
            assert result.influence == pytest.approx(true[result.image_id] / (1 - truly_unseen), abs=1e-6)
        assert found.remaining == pytest.approx(1 - sum(r.influence for r in found.results), abs=1e-9)
        assert any("could have up to" in note for note in found.notes) == (not found.complete)


def test_a_search_ends_where_nothing_below_has_influence(small, monkeypatch):
    small.calibrate(0.05, 0.5)  # the line is 0.035 below the best
    snapshot, space = indexed(small.store, monkeypatch)
    (answer,) = answer_all(snapshot, ["m1-s0"], Request(k=2))
    assert answer.complete
    assert answer.unseen == 0
    assert answer.notes == ()
    assert space.searches == [5]


def test_only_questions_that_are_not_complete_go_deeper(small, monkeypatch):
    small.calibrate(0.15, 0.4)
    snapshot, space = indexed(small.store, monkeypatch)
    answers = answer_all(snapshot, SAMPLES, Request(k=2))
    finished = sum(answer.searched == 5 for answer in answers)
    assert space.searches == [5] * len(SAMPLES)
    assert 0 < finished < len(SAMPLES)
    assert len(space.lines) == len(SAMPLES) - finished
    for answer in answers:
        assert answer.complete


def test_a_search_that_goes_on_ends_at_the_similarity_below_which_none_has_influence(small, monkeypatch):
    small.calibrate(0.15, 0.4)
    all_whole = answer_all(Session(small.store).snapshot(), SAMPLES, Request(k=1000))
    counts = [sum(result.influence > 0 for result in one.results) for one in all_whole]
    influential, whole, name = max(zip(counts, all_whole, SAMPLES, strict=True), key=lambda one: one[0])
    snapshot, space = indexed(small.store, monkeypatch)
    (found,) = answer_all(snapshot, [name], Request(k=2))
    cutoff = whole.results[0].similarity + 0.15 * np.log(0.4)
    assert 5 < influential < whole.pool_size
    assert space.lines == [pytest.approx(cutoff, abs=1e-6)]
    assert space.lines[0] < cutoff
    assert (found.searched, found.complete) == (influential + 1, True)


def test_without_a_calibration_a_search_is_as_deep_as_what_it_lists(small, monkeypatch):
    snapshot, space = indexed(small.store, monkeypatch)
    (answer,) = answer_all(snapshot, ["m1-s0"], Request(k=7))
    assert space.searches == [7]
    assert (answer.complete, answer.unseen, answer.searched) == (False, None, 7)


def test_a_search_of_the_whole_pool_is_complete_whatever_lambda_is(small, monkeypatch):
    small.calibrate(1.0, -0.1)
    snapshot, _ = indexed(small.store, monkeypatch)
    (answer,) = answer_all(snapshot, ["m1-s0"], Request(k=3))
    assert (answer.searched, answer.complete, answer.unseen, answer.exact) == (
        answer.pool_size,
        True,
        0,
        False,
    )


def test_copies_are_looked_for_until_there_are_enough_groups(small, monkeypatch):
    snapshot, space = indexed(small.store, monkeypatch)
    (answer,) = answer_all(snapshot, ["m1-s0"], Request(k=5, dedup=1e-9))  # half of all are alike
    assert len(answer.results) <= 5
    assert space.searches[-1] > 5
    (exact,) = answer_all(snapshot, ["m1-s0"], Request(k=5, dedup=1e-9, method="exact"))
    assert [r.image_id for r in answer.results] == [r.image_id for r in exact.results]


def test_an_index_that_is_not_there_or_not_the_measured_one_is_an_error(small):
    snapshot = Session(small.store).snapshot()
    with pytest.raises(ConflictError, match="no measured index") as raised:
        answer_all(snapshot, ["m1-s0"], Request(method="index"))
    assert "attribase -s STORE index" in raised.value.hint
    snapshot.space().index_error = ConflictError("another metric", hint="build it anew")
    for method in ("index", "auto"):
        with pytest.raises(ConflictError, match="another metric"):
            answer_all(snapshot, ["m1-s0"], Request(method=method))
    assert answer_all(snapshot, ["m1-s0"], Request(method="exact"))[0].exact


def test_found_similarities_are_those_of_the_exact_answer(small, monkeypatch):
    small.calibrate(0.1, 0.01)
    (exact,) = answer_all(Session(small.store).snapshot(), ["m3-s1"], Request(k=20))
    snapshot, _ = indexed(small.store, monkeypatch)
    (found,) = answer_all(snapshot, ["m3-s1"], Request(k=20))
    assert [(r.image_id, r.similarity) for r in found.results] == [
        (r.image_id, r.similarity) for r in exact.results
    ]
    assert np.allclose([r.influence for r in found.results], [r.influence for r in exact.results], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("limit", [3, 40, 1000])
def test_the_set_is_searched_to_its_end_or_its_size_is_unknown(judged, monkeypatch, alpha, limit):
    names = ["t0-s0", "t1-s1", "t2-s2", "o3-s0"]
    whole = answer_all(Session(judged.store).snapshot(), names, Request(k=1000, alpha=alpha, details=False))
    snapshot, _ = indexed(judged.store, monkeypatch)
    asked = Request(k=3, limit=limit, alpha=alpha, details=False)
    for exact, found in zip(whole, answer_all(snapshot, names, asked), strict=True):
        assert found.method == "index"
        assert (found.p_none, found.attributed) == (exact.p_none, exact.attributed)
        assert [one.in_set for one in found.results] == [one.in_set for one in exact.results[:3]]
        known = exact.set_size == exact.pool_size or found.searched == found.pool_size
        if known or exact.set_size < found.searched:
            assert found.set_size == exact.set_size
        else:
            assert found.set_size is None
            assert any("search exactly to know its size" in note for note in found.notes)
        if limit == 1000:
            assert found.set_size == exact.set_size
