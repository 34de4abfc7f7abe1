import json

import pytest
from attribase.ingest.customize import customize, model_id
from attribase.ingest.customize.generator import load_generator
from attribase.store import InvalidInputError, NotFoundError
from safetensors.torch import load as load_safetensors

TOKEN = "<new1>"


def test_models_are_stored_once_and_reproducibly(store, make_spec, config, tmp_path):
    from attribase.store import Store

    specs = [
        make_spec(),
        make_spec(concept="jerry", seed=1),
        make_spec(split="control", method="none", samples=()),
    ]
    steps = list(customize(store, specs, config, workers=0))
    assert [(step.done, step.total) for step in steps] == [(0, 2), (1, 2), (2, 2)]
    rows = {
        row["concept"] + row["method"]: row
        for row in store.read("models", list(store.schema("models").names)).to_pylist()
    }
    tom, jerry, control = rows["tomcustom-diffusion"], rows["jerrycustom-diffusion"], rows["tomnone"]
    assert tom["model_id"] == model_id(specs[0], config)
    assert tom["weights"] != jerry["weights"]
    assert (tom["training_prompt"], tom["modifier_token"], tom["seed"]) == ("V* cat", TOKEN, 0)
    assert tom["exemplar_ids"] == control["exemplar_ids"] == list(specs[0].exemplar_ids)
    assert (control["weights"], control["modifier_token"], control["split"]) == (None, None, "control")
    assert json.loads(tom["config"])["iterations"] == 4
    keys = set(load_safetensors(tom["weights"]))
    generator = load_generator(config.base, TOKEN)
    assert keys == {"modifier_token", *generator.kv}

    assert list(customize(store, specs, config, workers=0)) == []
    again = Store.create(tmp_path / "again")
    again.upsert("images", store.read("images", ["image_id", "bytes"]))
    list(customize(again, specs, config, workers=0))
    weights = {
        row["model_id"]: row["weights"] for row in again.read("models", ["model_id", "weights"]).to_pylist()
    }
    assert weights == {row["model_id"]: row["weights"] for row in rows.values()}


def test_models_that_cannot_be_trained_are_errors_before_training_starts(store, make_spec, config):
    with pytest.raises(NotFoundError, match="not in the store"):
        list(customize(store, [make_spec(exemplar_ids=("nowhere",))], config, workers=0))
    with pytest.raises(NotFoundError, match="no base model"):
        list(customize(store, [make_spec()], config.with_changes(base="./nowhere"), workers=0))
    with pytest.raises(InvalidInputError, match="planned twice"):
        list(customize(store, [make_spec(), make_spec(samples=())], config, workers=0))
    store.upsert("images", [{"image_id": "far", "uri": "https://example.org/far.png"}])
    with pytest.raises(InvalidInputError, match="without its bytes"):
        list(customize(store, [make_spec(exemplar_ids=("far",))], config, workers=0))


def test_workers_of_a_small_base_share_a_gpu(store, make_spec, config, monkeypatch):
    from attribase.ingest import shards
    from attribase.ingest.workers import SMALL_NETWORK

    asked = []

    def no_training(*_, **options):
        asked.append(options)
        return iter(())

    monkeypatch.setattr(shards, "run_tasks", no_training)
    list(customize(store, [make_spec()], config, workers=None))
    assert 0 < asked[0]["network"] <= SMALL_NETWORK
    assert asked[0]["workers"] is None
