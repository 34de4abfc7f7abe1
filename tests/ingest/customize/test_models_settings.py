"""Models of one plan that were customized with several settings: which are sampled, and at what size."""

import json

import pytest
from attribase.ingest.customize.base import BaseGenerator
from attribase.ingest.customize.models import find_models, model_row, shared_resolution
from attribase.store import ConflictError, NotFoundError

BASE = BaseGenerator("anywhere", "0" * 64)


@pytest.fixture
def settled(store, config, make_spec):
    """The plan's model by iterations, customized at two."""
    rows = {}
    for iterations in (1, 2):
        changed = config.with_changes(iterations=iterations, resolution=8 * iterations)
        rows[iterations] = model_row(
            f"{iterations}" * 64, make_spec(), config=changed, base=BASE, weights=b"w"
        )
    control = make_spec(method="none", samples=())
    rows[0] = model_row("0" * 64, control, config=config, base=BASE)
    store.upsert("models", list(rows.values()))
    return rows


@pytest.mark.usefixtures("settled")
def test_several_settings_are_named_with_the_option_that_tells_them_apart(store, make_spec):
    with pytest.raises(
        ConflictError, match=r"iterations=1, resolution=8; iterations=2, resolution=16"
    ) as error:
        find_models(store, [make_spec()], "b", BASE, {})
    assert error.value.hint == "say which: --model-config iterations=2 --model-config resolution=16"


def test_a_setting_says_which(store, settled, make_spec):
    control = make_spec(method="none", samples=())
    found = find_models(store, [make_spec(), control], "b", BASE, {"iterations": 2})
    assert list(found) == [settled[2]["model_id"], settled[0]["model_id"]]
    assert json.loads(settled[2]["config"])["iterations"] == 2


@pytest.mark.usefixtures("settled")
def test_settings_that_no_model_has_are_named(store, make_spec):
    with pytest.raises(NotFoundError, match=r"no model of 'tom' from base 'b' with iterations=3, lr=0\.5"):
        find_models(store, [make_spec()], "b", BASE, {"iterations": 3, "lr": 0.5})


def test_samples_have_the_size_that_the_models_were_customized_at(store, settled):
    assert shared_resolution(store, [settled[2]["model_id"], settled[0]["model_id"]]) == 16
    assert shared_resolution(store, [settled[0]["model_id"]]) is None
    with pytest.raises(ConflictError, match="at 8 and 16 pixels"):
        shared_resolution(store, [row["model_id"] for row in settled.values()])
