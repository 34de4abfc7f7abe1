"""Influence summed per owner."""

import pytest
from attribase.query import attribute, attribute_many, influence_by
from attribase.store import ConflictError

SAMPLES = [f"m{model}-s{sample}" for model in range(4) for sample in range(3)]


def test_owners_of_many_answers_are_those_of_each(small):
    small.calibrate(0.3, 0.01)
    for by in ("creator", "license", "category", "collection"):
        together = attribute_many(small.store, SAMPLES, k=1, by=by)
        for sample, answer in zip(SAMPLES, together, strict=True):
            alone = influence_by(small.store, attribute(small.store, sample, k=1), by)
            assert [(s.name, s.images) for s in answer.shares] == [(s.name, s.images) for s in alone]
            assert influence_by(small.store, answer, by) == list(answer.shares)
            if by != "collection":
                assert sum(s.influence for s in answer.shares) == pytest.approx(1)


def test_an_image_without_an_owner_counts_as_nobodys(small):
    small.calibrate(0.3, 0.0)
    small.store.upsert("images", [{"image_id": "g000", "creator": None, "bytes": b"?"}], update=True)
    answer = attribute(small.store, "m1-s0", k=500, by="creator")
    (nobody,) = [share for share in answer.shares if share.name is None]
    (image,) = [r for r in answer.results if r.image_id == "g000"]
    assert (nobody.images, nobody.influence) == (1, pytest.approx(image.influence))


def test_answers_to_many_questions_say_that_they_forgot_what_they_do_not_list(small):
    small.calibrate(0.3, 0.0)
    answer = attribute_many(small.store, SAMPLES[:2])[0]
    assert answer.candidates is None
    with pytest.raises(ConflictError, match="no influence of images that it does not list") as raised:
        influence_by(small.store, answer, "creator")
    assert "by='creator'" in raised.value.hint
