"""The demo's models: splits, controls, and that test prompts are new."""

import pytest
from attribase.demo import DemoSettings
from attribase.ingest.plan import plan_controls
from attribase.store import key_id


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    return DemoSettings(tmp_path_factory.mktemp("demo"), models=24, samples=4).specs()


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
            16,
            "2a14f553aeaf2dde85354b4141dd7c898fd4a545deea50c1d505025a4aec918e",
            "885b35df674b8e5f5738ddf54f1e26f5778e958f34266327aad277ea9f88acd3",
        ),
        (
            24,
            4,
            "1435117661c28cae8e1fc79d83a30c68dcfce1e137b9e8b99c215924256b6b5b",
            "d46324875f464988724d9454da953732d3cf25280ea78aa918ebe780d9140b1a",
        ),
    ],
)
def test_the_planned_models_and_samples_never_change(tmp_path, models, samples, specs_id, samples_id):
    specs = DemoSettings(tmp_path, models=models, samples=samples).specs()
    drawn = [[[item.scheme, item.prompt, item.seed] for item in spec.samples] for spec in specs]
    assert key_id([spec.spec_id for spec in specs]) == specs_id
    assert key_id(drawn) == samples_id
