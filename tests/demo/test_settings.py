"""The demo's models: splits, controls, and that test prompts are new."""

import pytest
from attribase.demo import DemoSettings
from attribase.ingest.plan import plan_controls
from attribase.store import key_id


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    return DemoSettings(tmp_path_factory.mktemp("demo"), models=24, samples=2).specs()


def test_every_test_model_has_a_control_on_the_same_exemplars(specs):
    wanted = sorted(spec.exemplar_ids for spec in specs if spec.split == "test")
    assert sorted(spec.exemplar_ids for spec in specs if spec.split == "control") == wanted


def test_controls_never_name_the_token_and_keep_scheme_and_seed(specs):
    test = next(spec for spec in specs if spec.split == "test")
    control = plan_controls([test])[0]
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


@pytest.mark.parametrize(
    ("models", "samples", "specs_id", "samples_id"),
    [
        (
            168,
            8,
            "153dfa0bb453ac819136059b4ca1196e2ae1ac94abb98ed6dca0a6a197b4109f",
            "1487097351919fbb8971cf88ba3b6e7d398798db99e554fef0b50c20b45594bb",
        ),
        (
            24,
            2,
            "325c86648af06d951163412e8464d6477775f6f671763f08dc6c1af002fb024a",
            "d75caf92a37de30d853dc4289b11193aafd7d9f1147ac13bdf1d136bbdf33b58",
        ),
    ],
)
def test_the_planned_models_and_samples_never_change(tmp_path, models, samples, specs_id, samples_id):
    specs = DemoSettings(tmp_path, models=models, samples=samples).specs()
    drawn = [[[item.scheme, item.prompt, item.seed] for item in spec.samples] for spec in specs]
    assert key_id([spec.spec_id for spec in specs]) == specs_id
    assert key_id(drawn) == samples_id
