"""What a training says that it leaves out for want of a vector."""

import pytest
from attribase.store import NotFoundError, Store
from attribase.train import count_left_out


@pytest.fixture
def store(tmp_path):
    """Three models of the split val and one of train; x and y have no vectors, m1 no sample left."""
    store = Store.create(tmp_path / "a.store")
    models = [
        {
            "model_id": "m0",
            "exemplar_ids": ["a", "x"],
            "split": "val",
            "method": "custom",
            "concept_kind": "style",
        },
        {
            "model_id": "m1",
            "exemplar_ids": ["b"],
            "split": "val",
            "method": "custom",
            "concept_kind": "object",
        },
        {
            "model_id": "m2",
            "exemplar_ids": ["y"],
            "split": "train",
            "method": "custom",
            "concept_kind": "object",
        },
        {"model_id": "c0", "exemplar_ids": ["x"], "split": "val", "method": "none", "concept_kind": "object"},
    ]
    store.upsert("models", models)
    owners = {"s0": "m0", "s1": "m0", "s2": "m1", "s3": "m2", "s4": "c0"}
    store.upsert("samples", [{"sample_id": one, "model_id": model} for one, model in owners.items()])
    store.upsert("members", [{"collection": "gallery", "image_id": one} for one in ("a", "g", "lost")])
    table = store.ensure_vectors("enc", 2)
    kinds = {"a": "image", "b": "image", "g": "image", "s0": "sample", "s3": "sample"}
    store.upsert(
        table, [{"item_id": one, "item_kind": kind, "base": [1.0, 0.0]} for one, kind in kinds.items()]
    )
    return store


def test_samples_exemplars_models_and_gallery_images_without_vectors_are_counted(store):
    found = count_left_out(store, "enc", ["val"])
    assert (found.samples, found.samples_without_vector) == (3, 2)
    assert (found.exemplars, found.exemplars_without_vector) == (3, 1)
    assert (found.models, found.models_left_out) == (2, 1)
    assert (found.gallery, found.gallery_without_vector) == (3, 1)
    assert list(found.notes()) == [
        "enc: 2 of 3 samples of models of the split val have no vector",
        "enc: 1 of 3 exemplars of models of the split val have no vector",
        "enc: 1 of 2 models of the split val have no exemplar or no sample left",
        "enc: 1 of 3 gallery images have no vector",
    ]


def test_only_models_of_the_kinds_and_splits_asked_for_count(store):
    found = count_left_out(store, "enc", ["train", "val"], ["object"], gallery="none")
    assert (found.models, found.models_left_out, found.samples_without_vector) == (2, 2, 1)
    assert found.gallery == 0


def test_nothing_is_said_where_everything_has_a_vector(store):
    missing = {"x": "image", "y": "image", "lost": "image", "s1": "sample", "s2": "sample", "s4": "sample"}
    rows = [{"item_id": one, "item_kind": kind, "base": [1.0, 0.0]} for one, kind in missing.items()]
    store.upsert("vectors_enc", rows)
    assert list(count_left_out(store, "enc", ["train", "val"]).notes()) == []


def test_an_encoder_without_vectors_is_an_error(store):
    with pytest.raises(NotFoundError, match="nothing is embedded"):
        count_left_out(store, "other", ["val"])
