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
            "d8adc70799e2e65f637cf1ef24cb37d0a1f46460a3eee9b90a8da430bb81732d",
            "ea302fdaa628a63b2bc47bd336b6019868c87155037dcf5da6b0e189a487e888",
        ),
        (
            24,
            2,
            "4c9531d554545601129f6318f8374509b2656939521af48517ef589d335ec4a9",
            "1b7f1a3ca9ed94377e831696373a3fb70c407413202aeb494c03b2895b30acea",
        ),
    ],
)
def test_the_planned_models_and_samples_never_change(tmp_path, models, samples, specs_id, samples_id):
    specs = DemoSettings(tmp_path, models=models, samples=samples).specs()
    drawn = [[[item.scheme, item.prompt, item.seed] for item in spec.samples] for spec in specs]
    assert key_id([spec.spec_id for spec in specs]) == specs_id
    assert key_id(drawn) == samples_id
