"""How many images of a pool an answer is of: in the pool, with a vector, compared."""

import pytest
from attribase.query import Request, Session, answer_all, attribute
from attribase.query.attribution.answer_tables import flat_table, shares_table
from attribase.query.attribution.page import answer_page
from attribase.store.tags import create_tag

from .top_space import indexed

POOL = 226
"""Images of the gallery and exemplars of the store `small`."""


@pytest.fixture
def partial(small):
    """Three references without vectors in the gallery of 200: two by c0, one by c1."""
    small.calibrate(0.2, 0.1)
    ids = ["lost0", "lost1", "lost2"]
    owners = {"lost0": "c0", "lost1": "c0", "lost2": "c1"}
    rows = [{"image_id": i, "uri": f"https://a.example/{i}", "creator": owners[i]} for i in ids]
    small.store.upsert("images", rows)
    small.store.upsert("members", [{"collection": "gallery", "image_id": i} for i in ids])
    return small


def counts(answer):
    return (answer.pool_size, answer.embedded, answer.searched, answer.exact, answer.complete, answer.unseen)


def test_an_answer_over_a_pool_with_all_vectors_is_exact_and_complete(small):
    answer = attribute(small.store, "m0-s0", k=3)
    assert counts(answer) == (POOL, POOL, POOL, True, True, 0.0)
    assert not any("no vector" in note for note in answer.notes)


@pytest.mark.usefixtures("vectors")
def test_images_without_a_vector_end_exact_and_complete(partial):
    answer = attribute(partial.store, "m0-s0", k=3)
    assert counts(answer) == (POOL + 3, POOL, POOL, False, False, None)
    assert answer.notes == (
        "226 of 229 images of the pool were compared; 3 have no vector, so influence is shared among the "
        "others: attribase -s STORE ingest embed --encoder enc",
    )


@pytest.mark.parametrize(
    ("where", "missing"),
    [("creator = 'c0'", 2), ("creator = 'c1'", 1), ("creator = 'c2'", 0), ("collection = 'exemplars'", 0)],
)
def test_only_missing_vectors_of_the_images_asked_for_count(partial, where, missing):
    answer = attribute(partial.store, "m0-s0", where=where)
    assert answer.pool_size - answer.embedded == missing
    assert (answer.exact, answer.complete) == (not missing, not missing)
    assert (answer.unseen is None) == bool(missing)
    assert any("no vector" in note for note in answer.notes) == bool(missing)


def test_a_condition_that_only_images_without_vectors_fulfil_is_no_exact_answer(partial):
    answer = attribute(partial.store, "m0-s0", where="image_id in ('lost0', 'lost2')")
    assert counts(answer) == (2, 0, 0, False, False, None)
    assert answer.results == ()
    assert answer.notes[0].startswith("0 of 2 images of the pool were compared; 2 have no vector: attribase")


def test_an_index_over_some_of_the_pool_is_never_complete(partial, monkeypatch):
    partial.calibrate(0.05, 0.5)  # the line is so near the best that a search of few images passes it
    snapshot, _ = indexed(partial.store, monkeypatch)
    (answer,) = answer_all(snapshot, ["m1-s0"], Request(k=2))
    assert answer.method == "index"
    assert answer.searched < POOL
    assert counts(answer) == (POOL + 3, POOL, answer.searched, False, False, None)
    assert f"{answer.searched} of 229 images of the pool were compared; 3 have no vector" in answer.notes[0]


def test_counts_are_those_of_the_version_asked_for(partial):
    before = create_tag(partial.store, "before")
    partial.embed(["lost0", "lost1", "lost2"], "image")
    session = Session(partial.store)
    then = answer_all(session.snapshot_at(before.versions), ["m0-s0"], Request())[0]
    now = answer_all(session.snapshot(), ["m0-s0"], Request())[0]
    assert counts(then) == (POOL + 3, POOL, POOL, False, False, None)
    assert counts(now) == (POOL + 3, POOL + 3, POOL + 3, True, True, 0.0)


def test_owners_and_near_duplicates_are_told_of_a_partial_pool(partial):
    answer = attribute(partial.store, "m0-s0", by="creator", dedup=0.99)
    assert counts(answer) == (POOL + 3, POOL, POOL, False, False, None)
    assert sum(share.influence for share in answer.shares) == pytest.approx(1)
    for table in (flat_table([answer]), shares_table([answer], "creator")):
        (shared,) = (
            table.select(["pool_size", "embedded", "searched", "exact", "complete"])
            .group_by(["pool_size", "embedded", "searched", "exact", "complete"])
            .aggregate([])
            .to_pylist()
        )
        assert shared == {
            "pool_size": 229,
            "embedded": 226,
            "searched": 226,
            "exact": False,
            "complete": False,
        }


def test_the_page_says_how_many_images_have_no_vector(partial):
    answer = attribute(partial.store, "m0-s0", k=2)
    text = answer_page(Session(partial.store).snapshot(), [answer], {}, "Attribution")
    assert "Compared with 226 of the 229 images of the pool, 226 of which have a vector" in text
    assert "3 have no vector, so influence is shared among the others" in text
    assert "Compared with all" not in text
