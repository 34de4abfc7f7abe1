from dataclasses import replace

import numpy as np
import pytest
from attribase.runtime import MapperPair
from attribase.store.errors import InvalidInputError
from attribase.train import BEST, PAPER
from attribase.train.cross_validation import cross_validate, divide, measure_validation
from attribase.train.data import embedded_items, load_features
from attribase.train.pairs import load_models

RAW = replace(PAPER, epochs=0, views=0)


def test_models_of_one_concept_share_a_fold_and_kinds_are_spread():
    groups = [("object", f"o{i % 9}") for i in range(18)] + [("style", f"s{i % 6}") for i in range(12)]
    folds = divide(groups, 3)
    assert len({(group, fold) for group, fold in zip(groups, folds, strict=True)}) == len(set(groups))
    for kind, count in (("object", 6), ("style", 4)):
        own = [fold for group, fold in zip(groups, folds, strict=True) if group[0] == kind]
        assert [own.count(fold) for fold in range(3)] == [count] * 3


def test_too_few_concepts_are_refused():
    with pytest.raises(InvalidInputError, match="2 concepts cannot be divided into 3 folds"):
        divide([("object", "a"), ("object", "b")], 3)


def test_raw_features_are_measured_as_by_sorting_on_every_train_and_val_model_once(make_store):
    store = make_store(noise=0.8, gallery=60, train=9, val=6)
    found = list(cross_validate(store, "made", {"raw": RAW}, folds=3))
    models = [
        model
        for split in ("train", "val")
        for model in load_models(store, split, embedded_items(store, "made"))
    ]
    assert sorted(one.model_id for one in found) == sorted(model.model_id for model in models)
    features = load_features(store, "made", embedded_items(store, "made"))
    pair = MapperPair()
    gallery = pair.real(features.of([item for item in features.index if item.startswith("g")]).numpy())
    recalls = {one.model_id: one.recalls for one in found}
    for model in models:
        exemplars = pair.real(features.of(model.exemplars).numpy())
        for scheme, samples in model.samples.items():
            products = pair.synth(features.of(samples).numpy()) @ np.concatenate([gallery, exemplars]).T
            hits = (np.argsort(-products, axis=1)[:, :10] >= len(gallery)).sum(1) / len(exemplars)
            assert recalls[model.model_id][scheme] == pytest.approx(hits)


def test_what_can_be_learned_helps_on_models_that_were_not_learned_from(make_store):
    store = make_store(train=70, val=20)
    best = replace(
        BEST, blocks=False, start="identity", rank=None, lr=1e-2, epochs=40, draws=4, validate_every=20
    )
    found = list(cross_validate(store, "made", {"raw": RAW, "best": best}, folds=3))
    mean = {
        name: np.mean([r for one in found if one.recipe == name for r in one.recalls["gpt"]])
        for name in ("raw", "best")
    }
    assert mean["best"] > mean["raw"] + 0.3


def test_val_models_are_measured_by_maps_of_the_train_models_alone(make_store):
    store = make_store(train=70, val=6)
    best = replace(BEST, blocks=False, start="identity", rank=None, lr=1e-2, epochs=20, draws=4)
    found = list(measure_validation(store, "made", {"raw": RAW, "best": best}))
    val = {model.model_id for model in load_models(store, "val", embedded_items(store, "made"))}
    assert {(one.recipe, one.model_id) for one in found} == {(r, m) for r in ("raw", "best") for m in val}
    mean = {
        name: np.mean([r for one in found if one.recipe == name for r in one.recalls["gpt"]])
        for name in ("raw", "best")
    }
    assert mean["best"] > mean["raw"] + 0.3


def test_without_val_models_there_is_nothing_to_measure(make_store):
    with pytest.raises(InvalidInputError, match="no embedded model has the split 'val'"):
        list(measure_validation(make_store(train=4, val=0), "made", {"raw": RAW}))
