"""Many questions in one scan: the answers are those of comparing each question with everything."""

import numpy as np
import pytest
from attribase.query import Session
from attribase.query.attribution import retrieval_scan
from attribase.query.attribution.kept_images import keeps_few
from attribase.query.attribution.request import Request
from attribase.query.attribution.retrieval import RetrievalTask, retrieve_exactly
from attribase.query.attribution.retrieval_scan import retrieve_in_one_scan
from attribase.runtime.influence import PaperLaw

SAMPLES = ["m0-s0", "m1-s1", "m2-s2", "m3-s3"]


def task_of(store, law, **options):
    space = Session(store).snapshot().space()
    return RetrievalTask(space, space.pool(), Request(**options), law), space.sample_vectors(SAMPLES)


def assert_equal(found, wanted):
    assert found.rows.tolist() == wanted.rows.tolist()
    np.testing.assert_array_equal(found.similarities, wanted.similarities)
    # Products of other sizes round otherwise in float32, and a small tau divides the difference.
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(found.influence, wanted.influence, **close)
    np.testing.assert_allclose(found.null_share or 0, wanted.null_share or 0, **close)
    assert (found.coverage, found.in_set) == (wanted.coverage, wanted.in_set)
    order, other = np.argsort(found.candidates.rows), np.argsort(wanted.candidates.rows)
    assert found.candidates.rows[order].tolist() == wanted.candidates.rows[other].tolist()
    np.testing.assert_allclose(found.candidates.influence[order], wanted.candidates.influence[other], **close)


@pytest.mark.parametrize("block", [7, 50, 4096])
@pytest.mark.parametrize(("tau", "lam"), [(0.02, 1e-3), (0.1, 0.4), (1.0, 0.9), (2.0, 1e-6)])
@pytest.mark.parametrize("k", [1, 9, 1000])
def test_answers_are_those_of_each_question_alone(small, monkeypatch, block, tau, lam, k):
    monkeypatch.setattr(retrieval_scan, "SCANNED_ROWS", block)
    task, vectors = task_of(small.store, PaperLaw(tau, lam), k=k)
    assert keeps_few(task)
    lines = np.array([0.9, 0.5, 0.1, -np.inf])
    together = list(retrieve_in_one_scan(task, vectors, lines))
    assert len(together) == len(SAMPLES)
    for found, wanted in zip(together, retrieve_exactly(task, vectors, lines), strict=True):
        assert_equal(found, wanted)


@pytest.mark.parametrize("kept", [0, 20, 200])
def test_where_too_many_have_influence_fewer_questions_share_a_scan(small, monkeypatch, kept):
    monkeypatch.setattr(retrieval_scan, "KEPT_ROWS", kept)
    task, vectors = task_of(small.store, PaperLaw(0.5, 1e-3), k=5)
    together = list(retrieve_in_one_scan(task, vectors))
    for found, wanted in zip(together, retrieve_exactly(task, vectors), strict=True):
        assert_equal(found, wanted)


def test_a_law_without_an_end_and_near_duplicates_need_all_similarities(small):
    for law, options in ((PaperLaw(0.1, 0.0), {}), (None, {}), (PaperLaw(0.1, 0.1), {"dedup": 0.9})):
        task, _ = task_of(small.store, law, **options)
        assert not keeps_few(task)
