"""Many questions at once are answered as one by one; some are scanned together although there is an index."""

import numpy as np
import pytest
from attribase.query import (
    FailedQuestion,
    Request,
    Session,
    answer_all,
    answer_each,
    attribute,
    attribute_many,
)
from attribase.query.attribution import retrieval
from attribase.query.attribution import retrieval_choice as module
from attribase.query.attribution.answer_tables import flat_table, shares_table
from attribase.query.search import topk
from attribase.runtime.decode import BadImageError
from attribase.store import InvalidInputError, NotFoundError

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


BROKEN = [b"<html>", "nobody", np.ones(3, np.float32), np.zeros(16, np.float32)]


def test_a_question_that_cannot_be_read_is_an_error_beside_the_others_answers(small, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"<html>")
    snapshot = Session(small.store).snapshot()
    questions = ["m0-s0", str(tmp_path / "bad.png"), *BROKEN, InvalidInputError("no base64"), "m1-s0"]
    found = answer_each(snapshot, questions, Request(k=3))
    alone = answer_all(snapshot, ["m0-s0", "m1-s0"], Request(k=3))
    assert [found[0].results, found[-1].results] == [answer.results for answer in alone]
    said = [(type(one.error), str(one.error)) for one in found[1:-1]]
    assert said == [
        (BadImageError, f"{tmp_path}/bad.png: the bytes are in no known image format"),
        (BadImageError, "the bytes are in no known image format"),
        (NotFoundError, "'nobody' is no file, sample_id or sample's uri"),
        (InvalidInputError, "a vector of enc has 16 numbers, this has 3"),
        (InvalidInputError, "a vector has NaN or infinite numbers, or is all zeros"),
        (InvalidInputError, "no base64"),
    ]
    assert found[1].query == f"{tmp_path}/bad.png"
    with pytest.raises(BadImageError, match=r"bad\.png: the bytes"):  # the first in order
        answer_all(snapshot, questions, Request(k=3))


def test_questions_that_all_fail_are_all_errors(small):
    found = answer_each(Session(small.store).snapshot(), ["nobody", b""], Request())
    assert [type(one) for one in found] == [FailedQuestion, FailedQuestion]
    assert found[0].to_dict()["error"]["status"] == 404


def test_an_error_of_all_questions_is_raised(small):
    with pytest.raises(NotFoundError, match="the encoder 'no'"):
        answer_each(Session(small.store).snapshot(), ["m0-s0", "nobody"], Request(encoder="no"))


def test_failed_questions_are_rows_with_an_error(small):
    small.calibrate(0.2, 0.0)
    answers = answer_each(Session(small.store).snapshot(), ["nobody", "m0-s0"], Request(k=2, by="creator"))
    flat, shares = flat_table(answers).to_pylist(), shares_table(answers, "creator").to_pylist()
    assert [(row["query"], row["rank"], row["error"] is None) for row in flat] == [
        ("nobody", None, False),
        ("m0-s0", 1, True),
        ("m0-s0", 2, True),
    ]
    assert [row["error"] is None for row in shares] == [False] + [True] * len(answers[1].shares)
