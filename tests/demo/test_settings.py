"""The demo's models: splits, controls, and that test prompts are new."""

import pytest

pytest.importorskip("attribase.ingest.world.plan")
from attribase.demo.settings import controls, planned_specs


@pytest.fixture(scope="module")
def specs():
    return planned_specs(models=24, samples=4)


def test_every_test_model_has_a_control_on_the_same_exemplars(specs):
    wanted = sorted(spec.exemplar_ids for spec in specs if spec.split == "test")
    assert sorted(spec.exemplar_ids for spec in specs if spec.split == "control") == wanted


def test_controls_never_name_the_token_and_keep_scheme_and_seed(specs):
    test = next(spec for spec in specs if spec.split == "test")
    control = controls([test])[0]
    originals = {(sample.scheme, sample.seed) for sample in test.samples}
    assert control.method == "none"
    for sample in control.samples:
        assert "V*" not in sample.prompt
        assert "  " not in sample.prompt
        assert (sample.scheme, sample.seed) in originals


def test_unseen_concepts_are_in_no_train_or_val_model(specs):
    learned = {spec.concept for spec in specs if spec.split in ("train", "val")}
    unseen = {spec.concept for spec in specs if spec.case_name.endswith("_unseen")}
    assert unseen
    assert not learned & unseen
