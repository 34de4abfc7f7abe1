"""What a document of answers says, against the answers themselves."""

import attribase
import pytest
from attribase.query import Session, answer_each
from attribase.query.attribution import answer_document as documents
from attribase.query.attribution.answer_document import answer_document
from attribase.query.attribution.markup import percent
from attribase.query.attribution.provenance import LIMITS
from attribase.query.attribution.request import Request
from attribase.store import InvalidInputError


def test_a_document_says_shares_owners_and_where_the_answers_come_from(small):
    small.calibrate(0.2, 0.0)
    answer = attribase.attribute(small.store, "m0-s0", k=3, by="creator")
    found = answer_document([answer], {"creator": [answer]})
    (part,) = found.parts
    assert [image.bar for image in part.images] == [one.influence for one in answer.results]
    assert [image.number for image in part.images] == [percent(one.influence) for one in answer.results]
    assert part.headline.startswith(percent(sum(one.influence for one in answer.results)))
    (owners,) = part.owners
    assert [row[0] for row in owners.rows] == [one.name for one in answer.shares]
    assert owners.bars == tuple(one.influence for one in answer.shares)
    assert found.about == answer.provenance.about()
    assert found.footer[0].startswith(" ".join(LIMITS))
    assert answer.provenance.at in found.footer[1]
    assert answer.provenance.date in found.footer[1]


def test_without_calibration_bars_are_similarities_and_no_share_is_said(small):
    answer = attribase.attribute(small.store, "m0-s0", k=3)
    (part,) = answer_document([answer], {}).parts
    assert [image.bar for image in part.images] == [max(0.0, one.similarity) for one in answer.results]
    assert "%" not in "".join(image.number for image in part.images) + part.headline


def test_a_question_without_an_answer_has_its_error_in_its_place(small):
    answers = answer_each(Session(small.store).snapshot(), ["m0-s0", "absent", "m1-s0"], Request(k=1))
    found = answer_document(answers, {})
    assert [part.question for part in found.parts] == ["m0-s0", "absent", "m1-s0"]
    assert found.parts[1].headline == "No answer"
    assert found.parts[1].says[0] == str(answers[1].error)
    assert found.about["question"] == "m0-s0, m1-s0"


def test_owners_without_influence_to_speak_of_are_counted_not_listed(small, monkeypatch):
    small.calibrate(0.2, 0.0)
    answer = attribase.attribute(small.store, "m0-s0", by="creator")
    monkeypatch.setattr(documents, "OWNERS", 1)
    (owners,) = answer_document([answer], {"creator": [answer]}).parts[0].owners
    assert len(owners.rows) == 1
    rest = answer.shares[1:]
    assert owners.more == f"and {len(rest)} more, {percent(sum(one.influence for one in rest))} together"


def test_more_pictures_than_a_document_holds_are_refused(small, monkeypatch):
    monkeypatch.setattr(documents, "IMAGES", 2)
    answer = attribase.attribute(small.store, "m0-s0", k=3)
    with pytest.raises(InvalidInputError, match="at most 2") as caught:
        answer_document([answer], {})
    assert caught.value.hint
