"""Many questions at once are answered as one by one; some are scanned together although there is an index."""

import pytest
from attribase.query import Request, answer_all, attribute, attribute_many
from attribase.query.attribution import attribute as module
from attribase.query.attribution import retrieval
from attribase.query.search import topk

from .top_space import indexed

SAMPLES = [f"m{model}-s{sample}" for model in range(4) for sample in range(3)]


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("lam", [-0.01, 0.0, 0.1])
def test_many_questions_are_answered_as_one_by_one(small, monkeypatch, lam):
    small.calibrate(0.1, lam)
    alone = [attribute(small.store, sample, k=7, by="creator") for sample in SAMPLES]
    monkeypatch.setattr(retrieval, "SIMILARITY_BYTES", 4 * 230 * 5)  # five questions a pass
    monkeypatch.setattr(topk, "RESCORED_ROWS", 16)
    together = attribute_many(small.store, SAMPLES, k=7, by="creator")
    for one, other in zip(alone, together, strict=True):
        assert [r.image_id for r in one.results] == [r.image_id for r in other.results]
        assert [r.similarity for r in one.results] == [r.similarity for r in other.results]
        assert [r.influence for r in one.results] == pytest.approx([r.influence for r in other.results])
        assert [(s.name, s.images) for s in one.shares] == [(s.name, s.images) for s in other.shares]
        assert one.query == other.query


def test_no_questions_have_no_answers(small):
    assert attribute_many(small.store, []) == []


def test_many_questions_that_no_index_could_complete_are_compared_with_all(small, monkeypatch):
    small.calibrate(0.2, 0.0)
    monkeypatch.setattr(module, "MANY_QUESTIONS", 3)
    snapshot, space = indexed(small.store, monkeypatch)
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:2], Request())} == {"index"}
    space.searches.clear()
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:3], Request())} == {"exact"}
    assert space.searches == []
    answers = answer_all(snapshot, SAMPLES[:3], Request(method="index"))
    assert {answer.method for answer in answers} == {"index"}


def test_many_questions_of_few_vectors_are_compared_with_all_of_them(small, monkeypatch):
    small.calibrate(0.2, 0.5)  # by index each would be complete
    monkeypatch.setattr(module, "MANY_QUESTIONS", 3)
    snapshot, _ = indexed(small.store, monkeypatch)
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:3], Request())} == {"exact"}
    monkeypatch.setattr(module, "MAX_SCAN_BYTES", 0)
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:3], Request())} == {"index"}
