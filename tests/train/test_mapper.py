import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from attribase.runtime import MapperPair
from attribase.store import Store, key_id
from attribase.store.errors import InvalidInputError, NotFoundError
from attribase.train import BEST, PAPER, WORLD, MapperConfig, train_mapper
from attribase.train import mapper as module
from attribase.train.config import RUNGS
from attribase.train.data import embedded_items, load_data, load_features, load_views
from attribase.train.linear_map import LinearMap
from attribase.train.pairs import load_models
from attribase.train.validation import Validation

FAST = MapperConfig(temperature=0.1, lr=1e-2, epochs=60, draws=4, views=0)


def train(store: Store, config: MapperConfig = FAST) -> MapperPair:
    list(train_mapper(store, "made", config))
    return MapperPair.load(store, "made", config.name)


def recall_at_10(store: Store, pair: MapperPair, split: str) -> float:
    """By sorting, sample by sample."""
    features = load_features(store, "made", embedded_items(store, "made"))
    gallery = pair.real(features.of([item for item in features.index if item.startswith("g")]).numpy())
    hits = []
    for model in load_models(store, split, set(features.index)):
        exemplars = pair.real(features.of(model.exemplars).numpy())
        for query in pair.synth(features.of(model.sample_ids()).numpy()):
            pool = np.concatenate([gallery, exemplars]) @ query
            top = np.argsort(-pool)[:10]
            hits.append((top >= len(gallery)).sum() / len(exemplars))
    return float(np.mean(hits))


def test_it_finds_exemplars_of_models_it_never_saw_where_raw_features_do_not(made):
    raw, mapped = recall_at_10(made, MapperPair(), "test"), recall_at_10(made, train(made), "test")
    assert raw < 0.2
    assert mapped > 0.9


def test_a_model_committed_while_the_data_is_read_is_learned_by_the_next_call(made, monkeypatch):
    config = replace(FAST, epochs=2)

    def interrupted(*args):
        data = load_data(*args)
        made.upsert(
            "models",
            [
                {"model_id": "late", "method": "custom-diffusion", "concept_kind": "object", "split": "train"}
                | {"exemplar_ids": ["e-train000-0"]}
            ],
        )
        sample = {"sample_id": "s-test000-0", "model_id": "late", "scheme": "gpt"}
        made.upsert("samples", [sample], update=True)
        return data

    monkeypatch.setattr(module, "load_data", interrupted)
    assert list(train_mapper(made, "made", config))
    monkeypatch.undo()
    assert list(train_mapper(made, "made", config))
    assert list(train_mapper(made, "made", config)) == []


def test_the_stored_config_names_the_recipe(made):
    for recipe in (PAPER, replace(WORLD, rank=None)):
        list(train_mapper(made, "made", replace(recipe, epochs=1, views=0)))
        config = json.loads(made.read("mappers").to_pylist()[0]["config"])
        assert (config["recipe"], config["temperature"]) == (recipe.recipe, recipe.temperature)


def test_inside_a_few_directions_it_learns_too(made):
    pair = train(made, replace(FAST, rank=15, centre="gallery"))
    assert recall_at_10(made, pair, "test") > 0.8


def test_the_paper_is_the_default():
    assert (PAPER.epochs, PAPER.batch, PAPER.lr, PAPER.temperature) == (100, 1024, 1e-3, 1.0)
    assert (PAPER.regulariser, PAPER.draws, PAPER.centre, PAPER.rank) == (0.05, 1, "none", None)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(make_store):
    stores = [make_store() for name in "abc"]
    config = replace(FAST, epochs=10)
    same = [train(store, config).to_bytes() for store in stores[:2]]
    assert same[0] == same[1]
    assert train(stores[2], replace(config, seed=1)).to_bytes() != same[0]


def test_what_is_stored_says_how_it_came_about(made):
    train(made)
    row = made.read("mappers").to_pylist()[0]
    assert row["mapper_id"] == key_id("made", "tuned")
    history = json.loads(row["history"])
    assert [record["epoch"] for record in history] == list(range(61))
    assert history[-1]["contrastive"] < history[1]["contrastive"]
    scores = {record["epoch"]: record["val_recall_10"] for record in history if "val_recall_10" in record}
    assert scores[row["best_epoch"]] == max(scores.values())
    assert json.loads(row["config"])["temperature"] == 0.1
    assert json.loads(row["table_versions"])["vectors_made"] >= 1


def test_every_item_gets_its_unit_vector(made):
    pair = train(made)
    rows = made.read("vectors_made", ["item_id", "item_kind", "base", "mapped_tuned"]).to_pylist()
    images = [row for row in rows if row["item_kind"] == "image"]
    samples = [row for row in rows if row["item_kind"] == "sample"]
    for group, mapped in ((images, pair.real), (samples, pair.synth)):
        base = np.array([row["base"] for row in group], np.float32)
        stored = np.array([row["mapped_tuned"] for row in group])
        assert stored == pytest.approx(mapped(base), abs=1e-5)
        assert np.linalg.norm(stored, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_second_mapper_leaves_the_first_one_alone(made):
    config = replace(FAST, epochs=2)
    train(made, config)
    before = made.read("vectors_made", ["item_id", "mapped_tuned"]).sort_by("item_id")
    train(made, replace(config, name="objects", kinds=("object",)))
    after = made.read("vectors_made", ["item_id", "mapped_tuned"]).sort_by("item_id")
    assert after.equals(before)
    names = {row["mapper"] for row in made.read("mappers").to_pylist()}
    assert names == {"tuned", "objects"}


def test_kinds_decide_what_it_learns_from(made):
    config = replace(FAST, epochs=1)
    kinds = {
        kind: load_data(made, "made", replace(config, kinds=(kind,))).models for kind in ("object", "style")
    }
    assert {model.kind for model in kinds["style"]} == {"style"}
    assert len(kinds["style"]) + len(kinds["object"]) == 60


def test_recall_in_training_is_recall_by_sorting(make_store):
    """With several exemplars, and with exemplars that are in the gallery as well."""
    store = make_store(exemplars=3, noise=0.8, gallery=40)
    data = load_data(store, "made", FAST)
    validation = Validation.build(data.held_out, data.features, data.gallery, 1.0)
    identity = LinearMap(16)
    found = validation.recall(identity, identity)
    assert 0 < found < 1
    assert found == pytest.approx(recall_at_10(store, MapperPair(), "val"))
    own = [image for model in data.held_out for image in model.exemplars]
    doubled = Validation.build(data.held_out[:1], data.features, data.gallery + own[:3], 1.0)
    single = Validation.build(data.held_out[:1], data.features, data.gallery, 1.0)
    assert doubled.recall(identity, identity) == pytest.approx(single.recall(identity, identity))


def test_views_are_drawn_from_when_they_are_there(make_store):
    store = make_store(views=2)
    known = embedded_items(store, "made")
    features = load_features(store, "made", known)
    stacked = load_views(store, "made", features, 2)
    assert stacked.shape == (len(known), 3, 16)
    assert torch.equal(stacked[:, 0], features.rows)
    assert 0.01 < (stacked[:, 1] - stacked[:, 0]).std() < 0.1
    assert recall_at_10(store, train(store, replace(FAST, views=2)), "test") > 0.9


def test_views_that_were_never_embedded_are_an_error(made):
    with pytest.raises(InvalidInputError, match="2 augmented views"):
        train(made, replace(FAST, views=2))


def test_the_last_epoch_is_kept_where_that_is_asked_for(made):
    train(made, replace(FAST, epochs=7, keep="last"))
    row = made.read("mappers").to_pylist()[0]
    assert row["best_epoch"] == 7
    assert "val_recall_10" in json.loads(row["history"])[-1]


def test_keeping_the_start_is_a_warning_that_nothing_was_learned(made):
    *_, spoilt = train_mapper(made, "made", replace(FAST, epochs=2, lr=1e3))
    assert made.read("mappers")["best_epoch"].to_pylist() == [0]
    assert spoilt.note.startswith("warning: kept epoch 0: nothing was learned beyond the raw features")
    *_, learned = train_mapper(made, "made", replace(FAST, epochs=7, keep="last"))
    assert learned.note == "kept epoch 7"


def test_without_held_out_models_the_last_epoch_counts(make_store):
    store = make_store(val=0)
    train(store, replace(FAST, epochs=7))
    assert store.read("mappers").to_pylist()[0]["best_epoch"] == 7


def test_batches_hold_each_model_once(make_store):
    store = make_store(train=10)
    steps = list(train_mapper(store, "made", replace(FAST, epochs=3, batch=4)))
    assert [step.done for step in steps] == [0, 1, 2, 3, 3]


def test_too_few_models_are_an_error_that_says_so(make_store):
    store = make_store(train=1)
    with pytest.raises(InvalidInputError, match="1 embedded training models"):
        train(store)
    with pytest.raises(NotFoundError, match="nothing is embedded"):
        list(train_mapper(store, "other", FAST))


@pytest.mark.parametrize(
    "fields", [{"name": "none"}, {"name": "?"}, {"temperature": 0}, {"batch": 1}, {"draws": 0}, {"rank": 0}]
)
def test_settings_that_cannot_work_are_refused(fields):
    with pytest.raises(InvalidInputError):
        MapperConfig(**fields)


@pytest.mark.parametrize(
    ("recipe", "losses", "weights"),
    [
        (PAPER, [6.90619, 6.840461, 6.856367], [18.1217, 0.19512, 15.95278]),
        (replace(WORLD, rank=12), [12.011537, 11.85438, 11.295248], [17.5595, 1.2424, 15.93246]),
    ],
)
def test_the_recipes_without_rungs_give_what_they_gave_before_there_were_any(
    make_store, recipe, losses, weights
):
    """Values of the release before the rungs."""
    store = make_store(views=2)
    pair = train(store, replace(recipe, views=2, epochs=20, batch=32))
    row = store.read("mappers").to_pylist()[0]
    history = json.loads(row["history"])
    assert [history[epoch]["loss"] for epoch in (1, 10, 20)] == pytest.approx(losses, abs=2e-4)
    assert row["best_epoch"] == 20
    real, synth = pair.h_real.weight, pair.h_synth.weight
    found = [np.abs(real).sum(), np.abs(pair.h_synth.bias).sum(), (real * synth).sum()]
    assert [float(one) for one in found] == pytest.approx(weights, rel=2e-4)


SMALL_BEST = replace(BEST, blocks=False, start="identity", rank=None, lr=1e-2, epochs=60, draws=4)
"""The samples of the made store are turned: a map that starts where exemplar and sample agree is no use."""


@pytest.mark.parametrize(
    "rung",
    [
        {"learn_temperature": True},
        {"start": "whitened", "rank": 15},
        {"negatives": 40},
        {"negatives": 40, "mined": 0.5, "duplicate": 0.9},
        {"positives": "each"},
        {"positives": "sum"},
        {"positives": "mean"},
        {"average": 0.5},
        {"hub_weight": 0.5},
    ],
)
def test_each_rung_alone_changes_the_map_and_is_recorded(make_store, rung):
    config = MapperConfig(temperature=0.1, lr=1e-2, epochs=4, draws=2, views=0, validate_every=1)
    plain, other = (train(make_store(), one).to_bytes() for one in (config, replace(config, **rung)))
    assert other != plain
    store = make_store()
    pair = train(store, replace(config, **rung))
    assert pair.to_bytes() == other
    stored = json.loads(store.read("mappers").to_pylist()[0]["config"])
    assert {name: stored[name] for name in rung} == rung
    rows = store.read("vectors_made", ["mapped_tuned"])["mapped_tuned"].to_pylist()
    assert np.linalg.norm(np.array(rows), axis=1) == pytest.approx(1, abs=1e-5)


def test_the_best_recipe_finds_exemplars_of_models_it_never_saw(made):
    assert recall_at_10(made, train(made, SMALL_BEST), "test") > 0.8


def test_trained_against_one_half_of_the_gallery_it_works_as_well_in_the_other(make_store):
    """Gallery negatives do not make it a classifier of the images that it saw."""
    store = make_store(gallery=400)
    config = replace(SMALL_BEST, validation_images=200, negative_images=200, hub_weight=0.0)
    data, pair = load_data(store, "made", config), train(store, config)
    assert not set(data.gallery) & set(data.negatives)
    recalls = []
    for half in (data.gallery, data.negatives):
        features = load_features(store, "made", embedded_items(store, "made"))
        validation = Validation.build(load_models(store, "test", set(features.index)), features, half, 1.0)
        sides = [
            lambda rows, side=side: torch.from_numpy(side(rows.numpy())) for side in (pair.real, pair.synth)
        ]
        recalls.append(validation.recall(*sides))
    assert recalls[0] == pytest.approx(recalls[1], abs=0.1)
    assert min(recalls) > 0.8


def test_a_mapper_of_a_version_without_rungs_is_not_trained_again(made):
    config = replace(FAST, epochs=2)
    train(made, config)
    row = made.read("mappers").to_pylist()[0]
    older = {name: value for name, value in json.loads(row["config"]).items() if name not in RUNGS}
    made.upsert("mappers", [row | {"config": json.dumps(older)}], update=True)
    assert list(train_mapper(made, "made", config)) == []
    assert list(train_mapper(made, "made", replace(config, negatives=5)))
