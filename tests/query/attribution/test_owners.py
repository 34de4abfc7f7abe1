"""Influence summed per owner."""

import pytest
from attribase.query import Request, answer_all, attribute, attribute_many, influence_by
from attribase.store import ConflictError, InvalidInputError

from .top_space import indexed

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


def test_influence_is_summed_by_a_field_of_the_metadata(small):
    small.calibrate(0.3, 0.0)
    ids = small.store.read("images", ["image_id"])["image_id"].to_pylist()
    rows = [
        {
            "image_id": name,
            "bytes": b"?",
            "metadata": [None, '{"agency": "X", "a b": 1}', '{"agency": 7}', "[1]"][n % 4],
        }
        for n, name in enumerate(ids)
    ]
    small.store.upsert("images", rows, update=True)
    agency = {name: (None, "X", "7", None)[n % 4] for n, name in enumerate(ids)}
    answer = attribute(small.store, "m1-s0", k=500, by="metadata.agency")
    sums = dict.fromkeys((None, "X", "7"), 0.0)
    for result in answer.results:
        sums[agency[result.image_id]] += result.influence
    assert {share.name: share.influence for share in answer.shares} == pytest.approx(sums)
    assert {s.name for s in attribute(small.store, "m1-s0", by="metadata.a b").shares} == {None, "1"}


@pytest.mark.parametrize("by", ["metadata", "metadata.", "uri", "metadata.'\""])
def test_what_influence_cannot_be_summed_by_is_an_error(small, by):
    with pytest.raises(InvalidInputError, match="cannot be summed by"):
        attribute(small.store, "m1-s0", by=by)


def _expected(store, results, by):
    """By owner: (best similarity, its image, images with a share), from all results and the tables alone."""
    table = store.read("members" if by == "collection" else "images", ["image_id", by]).to_pylist()
    found = {}
    for result in results:
        for name in {row[by] for row in table if row["image_id"] == result.image_id} or {None}:
            if result.influence != 0:
                best, image, count = found.get(name, (result.similarity, result.image_id, 0))
                found[name] = (best, image, count + 1)
    return found


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("by", ["creator", "collection", "license"])
def test_an_owner_has_its_best_match_and_its_share_of_the_pool(small, by, calibrated):
    if calibrated:
        small.calibrate(0.3, 0.5)
    where = "image_id < 'g150'"
    answer = attribute(small.store, "m1-s0", k=1, by=by, where=where)
    every = attribute(small.store, "m1-s0", k=1000, where=where).results
    expected = _expected(small.store, every, by)
    assert {s.name: (s.similarity, s.image_id, s.images) for s in answer.shares} == expected
    assert all((share.influence is not None) == calibrated for share in answer.shares)
    table = small.store.read("members" if by == "collection" else "images", ["image_id", by]).to_pylist()
    inside = {result.image_id for result in every}
    for share in answer.shares:
        owned = {row["image_id"] for row in table if row[by] == share.name} & inside
        assert share.owned == pytest.approx(len(owned) / answer.embedded)
    key = (lambda s: -s.influence) if calibrated else (lambda s: -s.similarity)
    assert list(answer.shares) == sorted(answer.shares, key=key)
    assert influence_by(small.store, attribute(small.store, "m1-s0", k=1, where=where), by) == list(
        answer.shares
    )


def test_through_an_index_owners_are_of_the_images_it_found_and_the_answer_says_so(small, monkeypatch):
    snapshot, _ = indexed(small.store, monkeypatch)
    request = Request(k=1, by="creator", limit=20, method="index")
    (answer,) = answer_all(snapshot, ["m1-s0"], request)
    assert (answer.searched, sum(share.images for share in answer.shares)) == (20, 20)
    assert any("owners are of the 20 images that the index found" in note for note in answer.notes)
    (whole,) = answer_all(snapshot, ["m1-s0"], Request(k=1, by="creator"))
    assert whole.exact
    assert sum(share.images for share in whole.shares) == whole.embedded
    owned = {share.name: share.owned for share in whole.shares}
    assert {share.name: share.owned for share in answer.shares}.items() <= owned.items()
