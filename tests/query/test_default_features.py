"""Which encoder and mapper answer where none is named, against the view `metrics`."""

import numpy as np
import pytest
from attribase.query import Session, attribute, connect, evaluate
from attribase.query.default_features import choose_features, measure_on_val
from attribase.query.features import Pinned
from attribase.store import NotFoundError

from .conftest import DIM


def chosen(store, encoder=None, mapper=None):
    found = choose_features(Pinned.now(store), encoder, mapper)
    return found.encoder, found.mapper


def run(store, mapper=None):
    list(evaluate(store, mapper=mapper))


@pytest.fixture
def mapped(small):
    """Raw features that find the exemplars of a val model, and two mappers of chance that do not."""
    small.model("v", ["e02"], case="other", split="val", near=3.0)
    rng = np.random.default_rng(3)
    small.mapper("first", rng.normal(size=(DIM, DIM)), rng.normal(size=(DIM, DIM)))
    small.mapper("second", np.eye(DIM), rng.normal(size=(DIM, DIM)))
    return small


def test_without_measurements_the_newest_mapper_answers(mapped):
    newest = mapped.store.read("mappers").sort_by([("created", "descending"), ("mapper", "ascending")])
    assert chosen(mapped.store) == ("enc", newest["mapper"][0].as_py())
    assert choose_features(Pinned.now(mapped.store)).note is None


def test_recall_on_val_is_that_of_the_view(mapped):
    run(mapped.store)
    rows = connect(mapped.store).execute(
        "select mapper, avg(recall_10) from metrics where split = 'val' group by mapper"
    )
    expected = {("enc", mapper): recall for mapper, recall in rows.fetchall()}
    assert len(expected) == 3
    assert measure_on_val(Pinned.now(mapped.store)) == pytest.approx(expected)


def test_the_best_on_val_answers_and_says_why(mapped):
    run(mapped.store)
    recall = measure_on_val(Pinned.now(mapped.store))
    assert recall["enc", "none"] > max(recall["enc", "first"], recall["enc", "second"])
    assert chosen(mapped.store) == ("enc", "none")
    answer = attribute(mapped.store, "m0-s0")
    assert answer.mapper == "none"
    percent = f"{100 * recall['enc', 'none']:.1f}%"
    note = f"answered with enc, without a mapper, the best of 3 on validation models (Recall@10 {percent})"
    assert note in answer.notes
    assert note not in attribute(mapped.store, "m0-s0", mapper="none").notes


def test_pairs_that_can_give_shares_come_first(mapped):
    run(mapped.store)
    mapped.calibrate(0.1, 0.0, "second")
    assert chosen(mapped.store) == ("enc", "second")


def test_a_pair_measured_on_less_does_not_answer(mapped):
    mapped.model("w", ["e03"], case="case", split="val", near=3.0)
    list(evaluate(mapped.store, mapper="first", case="other"))
    assert set(measure_on_val(Pinned.now(mapped.store))) == {("enc", "first")}
    run(mapped.store, "none")
    assert set(measure_on_val(Pinned.now(mapped.store))) == {("enc", "none")}


def test_the_last_run_counts(mapped):
    run(mapped.store, "none")
    before = measure_on_val(Pinned.now(mapped.store))
    mapped.model("w", ["e03"], case="other", split="val", near=9.0)
    run(mapped.store, "none")
    after = measure_on_val(Pinned.now(mapped.store))
    assert after["enc", "none"] > before["enc", "none"]


def test_what_is_named_is_taken(mapped):
    run(mapped.store)
    assert chosen(mapped.store, "enc", "first") == ("enc", "first")
    assert chosen(mapped.store, None, "second") == ("enc", "second")
    assert Session(mapped.store).snapshot().space(None, "second").mapper == "second"
    for encoder, mapper in [("enc", "third"), (None, "third"), ("other", None)]:
        with pytest.raises(NotFoundError):
            chosen(mapped.store, encoder, mapper)
