import numpy as np
import pytest
from attribase.query.catalog import gallery_ids
from attribase.query.features import FeatureReader, ImageSet, Pinned
from attribase.study.checks.alterations import EXEMPLARS
from attribase.study.checks.altered import (
    BEYOND,
    FOLLOWS,
    FOLLOWS_CONTROL,
    HALF,
    ITEMS,
    MODELS,
    RANK,
    RANK_ORIGINAL,
    AlteredExemplars,
    rank_pairs,
)
from attribase.study.checks.customized import read_samples

from . import planted
from .planted import PLAN, SAMPLES, Planted

NAMES = [one.name for one in EXEMPLARS[:2]]
GALLERY = [f"g{i:02}" for i in range(planted.GALLERY)]


@pytest.fixture
def near(tmp_path):
    """Samples that look like the exemplar of their model."""
    return Planted(tmp_path / "a.store", ITEMS, NAMES)


def value(rows, question, case="all"):
    (row,) = [row for row in rows if (row.question, row.case_name) == (question, case)]
    return row


def test_samples_that_look_like_what_was_altered_follow_it(near):
    rows = AlteredExemplars().rows(near.store, PLAN)
    assert value(rows, FOLLOWS).value > 0.95
    assert value(rows, FOLLOWS_CONTROL).value < 0.05
    beyond = value(rows, FOLLOWS).value - value(rows, FOLLOWS_CONTROL).value
    assert value(rows, BEYOND).value == pytest.approx(beyond)  # all models have as many samples
    assert value(rows, BEYOND).low > 0.5
    assert value(rows, MODELS).value == 1
    assert value(rows, FOLLOWS).models == planted.MODELS
    assert value(rows, MODELS).models == 2 * planted.MODELS
    assert value(rows, FOLLOWS).low <= value(rows, FOLLOWS).value <= value(rows, FOLLOWS).high
    assert {row.case_name for row in rows} == {*NAMES, "all"}


def test_samples_that_look_like_nothing_follow_neither(tmp_path):
    rows = AlteredExemplars().rows(Planted(tmp_path / "b.store", ITEMS, NAMES, near=0.0).store, PLAN)
    assert 0.2 < value(rows, FOLLOWS).value < 0.8
    assert value(rows, FOLLOWS).low <= 0.5 <= value(rows, FOLLOWS).high
    assert abs(value(rows, BEYOND).value) < 0.5


def test_both_images_are_ranked_among_the_gallery_and_each_other(near):
    rows = AlteredExemplars().rows(near.store, PLAN)
    for n, name in enumerate(NAMES):
        ranks = [
            (near.rank(f"c{i}{n}-s{s}", f"a{i}{n}", pool), near.rank(f"c{i}{n}-s{s}", f"o{i}", pool))
            for i in range(planted.MODELS)
            for s in range(SAMPLES)
            for pool in [[*GALLERY, f"a{i}{n}", f"o{i}"]]
        ]
        altered, original = np.mean(ranks, axis=0)
        assert value(rows, RANK, name).value == pytest.approx(altered)
        assert value(rows, RANK_ORIGINAL, name).value == pytest.approx(original)
        assert value(rows, FOLLOWS, name).value == np.mean([a < o for a, o in ranks])


def test_a_change_that_changes_nothing_is_followed_half_the_time(near):
    same = {f"a{i}0": near.vectors[f"o{i}"] for i in range(planted.MODELS)}
    pinned = Pinned.now(near.store)
    near.store.dataset(near.table).delete("item_id like 'a_0'")
    near.embed(same, "image")
    pinned = Pinned.now(near.store)
    reader = FeatureReader(pinned, planted.ENCODER)
    samples = read_samples(near.store, ITEMS)[f"{ITEMS} {NAMES[0]}"]
    made = {f"a{i}0": f"o{i}" for i in range(planted.MODELS)}
    pairs = rank_pairs(
        samples, made, dict.fromkeys(made, NAMES[0]), reader, ImageSet(reader, gallery_ids(pinned))
    )
    assert (pairs.follows == HALF).all()
    assert (np.abs(pairs.altered - pairs.original) == 1).all()


def test_without_models_on_altered_exemplars_there_are_no_rows(pictures, plan):
    assert AlteredExemplars().rows(pictures, plan) == []
    assert list(AlteredExemplars().prepare(pictures, plan)) == []
