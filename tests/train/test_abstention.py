"""What `train_abstention` stores: the scores of validation samples, by hand, and when they are made again."""

import json

import numpy as np
import pyarrow as pa
import pytest
from attribase.runtime.abstention import load_abstention
from attribase.runtime.moments import load_moments
from attribase.store import Store
from attribase.store.errors import InvalidInputError, NotFoundError
from attribase.train import AbstentionConfig, MapperConfig, train_abstention, train_mapper

from .conftest import vectors


def train(store: Store, mapper: str = "none") -> int:
    return len(list(train_abstention(store, "made", mapper)))


def unit_rows(store: Store, column: str = "base") -> dict[str, np.ndarray]:
    rows = store.read("vectors_made", ["item_id", column]).to_pylist()
    return {row["item_id"]: np.array(row[column]) / np.linalg.norm(row[column]) for row in rows}


def test_scores_are_best_and_exemplar_similarities_in_spreads_of_the_gallery(make_store):
    store = make_store(exemplars=2, gallery=60, train=4, val=6, test=3)
    store.upsert("members", [{"collection": "gallery", "image_id": "e-val001-0"}])  # seen: in the gallery too
    assert train(store)
    rows = unit_rows(store)
    members = set(store.read("members")["image_id"].to_pylist())
    models = {row["model_id"]: row for row in store.read("models").to_pylist()}
    exemplars = {image for row in models.values() for image in row["exemplar_ids"]}
    stored = load_abstention(store, "made", "none")
    assert [one.model_id for one in stored.models] == sorted(
        m for m, r in models.items() if r["split"] == "val"
    )
    assert stored.pool_size == len(members | exemplars)
    gallery = np.stack([rows[image] for image in sorted(members)])
    for one in stored.models:
        row = models[one.model_id]
        assert one.kind == row["concept_kind"]
        for at, number in enumerate((0, 2, 1, 3)):  # scheme by scheme
            query = rows[f"s-{one.model_id}-{number}"]
            seen = gallery @ query
            mean, spread = seen.mean(), seen.std()
            others = sorted((members | exemplars) - set(row["exemplar_ids"]))
            best = max(rows[image] @ query for image in others)
            own = sorted((rows[image] @ query - mean) / spread for image in row["exemplar_ids"])
            assert one.null[at] == pytest.approx((best - mean) / spread, abs=1e-4)
            assert sorted(one.exemplars[at]) == pytest.approx(own, abs=1e-4)


def test_nothing_is_done_again_until_images_models_or_the_mapper_change(make_store):
    store = make_store(gallery=60, train=8, val=6, test=3)
    config = MapperConfig(temperature=0.1, epochs=2, views=0)
    list(train_mapper(store, "made", config))
    assert train(store)
    assert train(store, "tuned")
    assert not train(store)
    assert not train(store, "tuned")
    list(train_mapper(store, "made", MapperConfig(temperature=0.1, epochs=3, views=0)))
    assert not train(store)
    assert train(store, "tuned")
    assert not train(store, "tuned")
    store.upsert("members", [{"collection": "gallery", "image_id": "e-test000-0"}])
    assert train(store)
    assert not train(store)


def test_new_vectors_change_the_pool_size(make_store):
    store = make_store(gallery=60, train=2, val=6, test=1)
    assert train(store)
    before = store.read("abstentions").to_pylist()[0]
    store.upsert("members", [{"collection": "gallery", "image_id": "new"}])
    row = {"item_id": ["new"], "item_kind": ["image"], "base": vectors(np.ones((1, 16), np.float32))}
    store.upsert("vectors_made", pa.table(row))
    assert train(store)
    after = store.read("abstentions").to_pylist()[0]
    assert after["pool_size"] == before["pool_size"] + 1
    assert after["pool_digest"] != before["pool_digest"]
    assert load_moments(store, "made", "none").count == 61


def test_the_models_are_named_and_the_settings_are_kept(make_store):
    store = make_store(gallery=60, train=2, val=6, test=1)
    *_, last = train_abstention(store, "made", "none")
    assert last.note == "null scores of 4 object and 2 style models"
    row = store.read("abstentions").to_pylist()[0]
    assert json.loads(row["config"]) == {"gallery": "gallery", "split": "val"}
    assert set(json.loads(row["table_versions"])) >= {"members", "models", "samples", "vectors_made"}


def test_what_is_missing_is_named(made):
    with pytest.raises(InvalidInputError, match="no mapper 'other'"):
        train(made, "other")
    with pytest.raises(InvalidInputError, match="split 'dev'"):
        list(train_abstention(made, "made", "none", AbstentionConfig(split="dev")))
    with pytest.raises(InvalidInputError, match="gallery"):
        list(train_abstention(made, "made", "none", AbstentionConfig(gallery="laion")))
    with pytest.raises(NotFoundError):
        list(train_abstention(made, "unknown", "none"))
    assert made.count("abstentions") == 0
