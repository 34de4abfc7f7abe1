"""A training whose inputs have not changed is not done again; one whose inputs have is."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from attribase.store.maintenance import compact
from attribase.train import CalibrationConfig, MapperConfig, train_calibration, train_mapper

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


def test_other_settings_or_new_vectors_train_it_again(made):
    assert steps(train_mapper(made, "made", CONFIG))
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    width = made.schema("vectors_made").field("base").type.list_size
    new = {"item_id": ["new"], "item_kind": ["image"], "base": vectors(np.ones((1, width), np.float32))}
    names = made.schema("vectors_made").names
    new |= {name: vectors(np.eye(1, width, dtype=np.float32)) for name in names if name.startswith("mapped_")}
    made.upsert("vectors_made", pa.table(new))
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))


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
