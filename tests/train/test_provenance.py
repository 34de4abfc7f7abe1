"""A training whose inputs have not changed is not done again; one whose inputs have is."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from attribase.store.maintenance import compact
from attribase.train import (
    CalibrationConfig,
    MapperConfig,
    train_abstention,
    train_calibration,
    train_mapper,
)

from .conftest import vectors

CONFIG = MapperConfig(temperature=0.1, epochs=5, views=0, validate_every=5)


def steps(generator):
    return len(list(generator))


def test_a_mapper_is_trained_once_whatever_other_mappers_come(made):
    assert steps(train_mapper(made, "made", CONFIG))
    assert steps(train_mapper(made, "made", replace(CONFIG, name="other")))
    before = made.versions()
    assert not steps(train_mapper(made, "made", CONFIG))
    assert made.versions() == before


def embed(store, items, kind="image", seed=0):
    """Give `items` raw vectors, and vectors in the columns of all mappers."""
    width = store.schema("vectors_made").field("base").type.list_size
    rows = vectors(np.random.default_rng(seed).normal(size=(len(items), width)))
    names = [name for name in store.schema("vectors_made").names if name not in ("item_id", "item_kind")]
    new = {"item_id": list(items), "item_kind": [kind] * len(items)} | dict.fromkeys(names, rows)
    store.upsert("vectors_made", pa.table(new), update=True)


def add_model(store, split, *, method="custom-diffusion", kind="object", exemplars=None):
    """A model with an exemplar of its own and two samples, all embedded."""
    name = f"new-{split}-{method}"
    own = [f"e-{name}"] if exemplars is None else exemplars
    row = {"method": method, "concept_kind": kind, "split": split, "exemplar_ids": own}
    store.upsert("models", [row | {"model_id": name}])
    samples = [f"s-{name}-{index}" for index in range(2)]
    rows = [{"sample_id": one, "model_id": name, "scheme": "gpt"} for one in samples]
    store.upsert("samples", rows)
    embed(store, [f"e-{name}"] if exemplars is None else [])
    embed(store, samples, "sample")


def test_other_settings_or_a_vector_of_a_gallery_image_train_it_again(made):
    made.upsert("members", [{"collection": "gallery", "image_id": "new"}])
    assert steps(train_mapper(made, "made", CONFIG))
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    embed(made, ["unrelated"])
    assert not steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    embed(made, ["new"])
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    embed(made, ["new"], seed=1)
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    assert not steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))


def trained_again(store):
    """Which of the trainings are done again: of a mapper of both kinds, of objects alone, of laws."""
    jobs = {
        "mapper": train_mapper(store, "made", CONFIG),
        "objects": train_mapper(store, "made", replace(CONFIG, name="objects", kinds=("object",))),
        "calibration": train_calibration(store, "made", "none", CalibrationConfig(steps=5)),
        "paper's": train_calibration(store, "made", "tuned", CalibrationConfig(steps=5, law="paper")),
        "abstention": train_abstention(store, "made", "none"),
    }
    return {name for name, job in jobs.items() if steps(job)}


MAPPERS, LAWS = {"mapper", "objects"}, {"calibration", "abstention"}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"split": "test"}, {"abstention"}),  # its exemplar is in the pool
        ({"split": "test", "exemplars": ["e-test000-0"]}, set()),
        ({"split": "test", "kind": "set", "exemplars": ["e-test000-0", "e-train000-0"]}, set()),
        ({"split": "control", "method": "none", "exemplars": ["e-test000-0"]}, set()),
        ({"split": "val", "method": "none", "exemplars": ["e-test000-0"]}, set()),
        ({"split": "untouched-train", "method": "none", "exemplars": ["e-test000-0"]}, set()),
        ({"split": "train"}, {*MAPPERS, "paper's", "abstention"}),  # the latter for its mapper
        ({"split": "train", "kind": "style", "exemplars": ["e-test000-0"]}, {"mapper", "paper's"}),
        ({"split": "val", "exemplars": ["e-test000-0"]}, {*MAPPERS, *LAWS, "paper's"}),
    ],
)
def test_new_models_train_again_only_what_learns_from_models_of_their_split_and_kind(
    make_store, change, again
):
    store = make_store(train=12, val=6, test=3, gallery=60)
    assert trained_again(store) == {*MAPPERS, *LAWS, "paper's"}
    assert trained_again(store) == set()
    add_model(store, **change)
    assert trained_again(store) == again
    assert trained_again(store) == set()


def test_a_new_sample_of_a_test_model_trains_nothing_and_one_of_a_train_model_does(make_store):
    store = make_store(train=12, val=6, test=3, gallery=60)
    trained_again(store)
    for model, again in (("test000", set()), ("train001", {*MAPPERS, "paper's"})):
        store.upsert("samples", [{"sample_id": f"more-{model}", "model_id": model, "scheme": "gpt"}])
        embed(store, [f"more-{model}"], "sample")
        assert trained_again(store) == again


def test_views_of_other_items_than_those_learned_from_train_nothing(make_store):
    store = make_store(views=2)
    with_views = replace(CONFIG, views=2)
    list(train_mapper(store, "made", with_views))
    row = vectors(np.ones((1, 16), np.float32))
    for item, again in (("s-test000-0", False), ("s-train000-0", True)):
        number = pa.array([2], pa.int32())
        store.upsert("views_made", pa.table({"item_id": [item], "view": number, "base": row}), update=True)
        assert bool(steps(train_mapper(store, "made", with_views))) == again


def test_a_calibration_is_fitted_once_and_again_when_its_mapper_changes(made):
    list(train_mapper(made, "made", CONFIG))
    assert steps(train_calibration(made, "made", CONFIG.name, CalibrationConfig(steps=5)))
    assert not steps(train_calibration(made, "made", CONFIG.name, CalibrationConfig(steps=5)))
    list(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    assert steps(train_calibration(made, "made", CONFIG.name, CalibrationConfig(steps=5)))


def compact_all(store):
    list(compact(store, keep=timedelta(0)))


def add_an_unrelated_member(store):
    store.upsert("members", [{"collection": "unrelated", "image_id": "g0001"}])


def add_items_of_checks(store):
    """A copy, and a model that a check customized on an altered image, with a sample; all embedded."""
    store.upsert("images", [{"image_id": "altered", "uri": "check:altered/mirror/x"}])
    store.upsert("members", [{"collection": "check:altered", "image_id": "altered"}])
    row = {"method": "custom-diffusion", "concept_kind": "object", "split": "check"}
    store.upsert("models", [row | {"model_id": "checked", "exemplar_ids": ["altered"]}])
    samples = [("copy", None, "check:copies"), ("drawn", "checked", "gpt")]
    store.upsert("samples", [dict(zip(("sample_id", "model_id", "scheme"), s, strict=True)) for s in samples])
    width = store.schema("vectors_made").field("base").type.list_size
    new = {"item_id": ["altered", "copy", "drawn"], "item_kind": ["image", "sample", "sample"]}
    names = [name for name in store.schema("vectors_made").names if name not in new]
    rows = vectors(np.eye(3, width, dtype=np.float32))
    store.upsert("vectors_made", pa.table(new | dict.fromkeys(names, rows)))


def let_a_column_be_null(store):
    """What upgrading a store of an earlier format does."""
    store.dataset("models").alter_columns({"path": "method", "nullable": True})


def rewrite_rows(store):
    for table in ("models", "samples", "members"):
        store.upsert(table, store.read(table), update=True)


@pytest.mark.parametrize(
    "change", [compact_all, add_an_unrelated_member, add_items_of_checks, let_a_column_be_null, rewrite_rows]
)
def test_nothing_is_trained_again_when_a_table_changes_that_it_does_not_depend_on(make_store, change):
    store, views = make_store(views=2), replace(CONFIG, views=2)
    few = CalibrationConfig(steps=5)
    list(train_mapper(store, "made", views))
    list(train_calibration(store, "made", "tuned", few))
    store.upsert("members", [{"collection": "other", "image_id": "g0000"}])  # a fragment to merge
    change(store)
    assert not steps(train_mapper(store, "made", views))
    assert not steps(train_calibration(store, "made", "tuned", few))


def test_a_new_member_of_the_gallery_trains_again(made):
    list(train_mapper(made, "made", CONFIG))
    made.upsert("members", [{"collection": "gallery", "image_id": "e-test000-0"}])
    assert steps(train_mapper(made, "made", CONFIG))


def test_a_config_stored_before_recipes_had_names_is_the_same_config(made):
    list(train_mapper(made, "made", CONFIG))
    row = made.read("mappers").to_pylist()[0]
    weights = dict(made.blobs("mappers", "weights", [row["mapper_id"]]))
    config = json.loads(row["config"])
    assert config.pop("recipe") == "paper"
    row |= {"config": json.dumps(config, sort_keys=True), "weights": weights[row["mapper_id"]]}
    made.upsert("mappers", [row], update=True)
    assert not steps(train_mapper(made, "made", CONFIG))
