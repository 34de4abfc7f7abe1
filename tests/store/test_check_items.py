import json

import pyarrow as pa
import pytest
from attribase.store.check_items import (
    altered_from,
    check_images,
    check_models,
    check_samples,
    pool_exemplars,
)
from attribase.store.removal_plan import plan_removal


@pytest.fixture
def checked(store):
    """A gallery of two; `copy` and `altered` are made of the first, a check's model of `altered`."""
    about = json.dumps({"check": "check:x", "made_from": "g0"})
    store.upsert("images", [{"image_id": "g0"}, {"image_id": "g1"}])
    store.upsert("images", [{"image_id": "altered", "uri": "check:x/mirror/g0", "metadata": about}])
    members = [("gallery", "g0"), ("gallery", "g1"), ("check:x", "altered"), ("check:x", "g1")]
    store.upsert("members", [{"collection": c, "image_id": i} for c, i in members])
    models = [("m", ["g1"], "test"), ("c", ["altered"], "check"), ("u", ["g0"], None)]
    store.upsert(
        "models",
        [{"model_id": m, "method": "none", "exemplar_ids": e, "split": s} for m, e, s in models],
    )
    samples = [("s", "m", None), ("drawn", "c", "gpt")]
    store.upsert("samples", [{"sample_id": i, "model_id": m, "scheme": s} for i, m, s in samples])
    store.upsert("samples", [{"sample_id": "copy", "scheme": "check:copies", "metadata": about}])
    return store


def test_only_what_checks_made_is_theirs(checked):
    assert check_models(checked) == {"c"}
    assert check_samples(checked) == {"copy", "drawn"}
    assert check_images(checked) == {"altered"}  # g1 is in the gallery too


def test_a_store_without_checks_has_nothing_of_them(store):
    assert check_models(store) == check_samples(store) == check_images(store) == set()


def test_exemplars_of_checks_are_in_no_pool(checked):
    models = checked.read("models", ["exemplar_ids", "split"])
    assert sorted(pool_exemplars(models).to_pylist()) == ["g0", "g1"]
    assert isinstance(pool_exemplars(models.slice(0, 0)), pa.Array)


def test_altered_pictures_name_what_they_were_made_from(checked):
    assert altered_from(checked, {"g0", "g1"}) == ({"altered": "g0"}, {"copy": "g0"})
    assert altered_from(checked, {"g1"}) == altered_from(checked, set()) == ({}, {})


def test_removing_an_original_removes_all_that_was_made_of_it(checked):
    plan = plan_removal(checked, ids=["g0"])
    assert set(plan.images) == {"g0", "altered"}
    assert plan.models == {"u": ("g0",), "c": ("altered",)}
    assert plan.samples == {"drawn": "c", "copy": "g0"}
