from collections import Counter

import numpy as np
import pytest
from attribase.store import InvalidInputError, Store
from attribase.train.pairs import PairSampler, TrainModel, load_models, take_pairs

UNEVEN = [
    TrainModel("a", "style", ("e0", "e1", "e2"), {"gpt": ("s0",), "media": ("s1", "s2", "s3")}),
    TrainModel("b", "object", ("e3",), {"gpt": ("s4", "s5")}),
]
ROW = {f"e{i}": i for i in range(4)} | {f"s{i}": 10 + i for i in range(6)}


def test_a_draw_takes_one_pair_of_each_model():
    exemplars, samples = PairSampler(UNEVEN, ROW).draw(np.random.default_rng(0))
    assert exemplars[0] in (0, 1, 2)
    assert exemplars[1] == 3
    assert samples[0] in (10, 11, 12, 13)
    assert samples[1] in (14, 15)


def test_schemes_are_drawn_before_samples():
    """'gpt' has one sample and 'media' three, yet each scheme is drawn half of the time."""
    sampler, rng = PairSampler(UNEVEN, ROW), np.random.default_rng(0)
    drawn = [sampler.draw(rng) for _ in range(3000)]
    samples = Counter(int(row[1][0]) for row in drawn)
    assert samples[10] / 3000 == pytest.approx(1 / 2, abs=0.04)
    for row in (11, 12, 13):
        assert samples[row] / 3000 == pytest.approx(1 / 6, abs=0.03)
    exemplars = Counter(int(row[0][0]) for row in drawn)
    for row in (0, 1, 2):
        assert exemplars[row] / 3000 == pytest.approx(1 / 3, abs=0.04)


def test_the_same_seed_draws_the_same_pairs():
    one, other = (PairSampler(UNEVEN, ROW).draw(np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store.create(tmp_path / "store")
    common = {"method": "custom-diffusion", "split": "train", "concept_kind": "object"}
    store.upsert(
        "models",
        [
            common | {"model_id": "m1", "exemplar_ids": ["e1", "gone"]},
            common | {"model_id": "m0", "exemplar_ids": ["e0"], "concept_kind": "style"},
            common | {"model_id": "control", "exemplar_ids": ["e0"], "method": "none"},
            common | {"model_id": "val", "exemplar_ids": ["e0"], "split": "val"},
            common | {"model_id": "lost", "exemplar_ids": ["gone"]},
            common | {"model_id": "mute", "exemplar_ids": ["e0"]},
        ],
    )
    samples = [("s0", "m0"), ("s1", "m1"), ("s2", "control"), ("s3", "val"), ("s4", "lost"), ("s5", "m1")]
    store.upsert("samples", [{"sample_id": s, "model_id": m, "scheme": "gpt"} for s, m in samples])
    return store


KNOWN = {"e0", "e1", "s0", "s1", "s2", "s3", "s4"}


def test_models_come_with_what_is_embedded_of_them(store):
    found = load_models(store, "train", KNOWN)
    assert [model.model_id for model in found] == ["m0", "m1"]
    assert found[1] == TrainModel("m1", "object", ("e1",), {"gpt": ("s1",)})


def test_models_are_selected_by_kind_and_split(store):
    assert [model.model_id for model in load_models(store, "train", KNOWN, ["style"])] == ["m0"]
    assert [model.model_id for model in load_models(store, "val", KNOWN)] == ["val"]


def test_the_untouched_base_has_splits_of_its_own(made):
    rows = made.read("models").to_pylist()
    renamed = [
        row | {"method": "none", "split": f"untouched-{row['split']}"}
        for row in rows
        if row["split"] != "test" and row["model_id"] < "train030"
    ]
    embedded = set(made.read("vectors_made", ["item_id"])["item_id"].to_pylist())
    everything = {model.model_id for model in load_models(made, "train", embedded)}
    made.upsert("models", renamed, update=True)
    customized, untouched = (
        {model.model_id for model in load_models(made, "train", embedded, on=on)}
        for on in ("customized", "none")
    )
    assert untouched == {f"train{i:03}" for i in range(30)}
    assert customized == everything - untouched
    assert load_models(made, "val", embedded, on="none") == []


def test_pairs_are_taken_evenly_over_models_and_schemes():
    taken = take_pairs(UNEVEN, 4)
    assert [model.samples for model in taken] == [
        {"gpt": ("s0",), "media": ("s1",)},
        {"gpt": ("s4", "s5")},
    ]
    assert [model.model_id for model in take_pairs(UNEVEN, 1)] == ["a"]
    assert take_pairs(UNEVEN, 6) == UNEVEN
    with pytest.raises(InvalidInputError, match="there are 6 samples to train on, not 7"):
        take_pairs(UNEVEN, 7)
