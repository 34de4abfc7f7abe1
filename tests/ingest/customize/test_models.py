import pytest
from attribase.ingest.customize import CustomizeConfig, defaults_for, model_id
from attribase.ingest.customize.base import BaseGenerator
from attribase.ingest.customize.models import model_ids
from attribase.ingest.specs import SampleSpec


def test_the_model_id_depends_on_all_that_decides_the_weights(
    make_spec, config, velocity_base, tiny_base, tmp_path
):
    import shutil

    copy = shutil.copytree(tiny_base, tmp_path / "copy")
    known = model_id(make_spec(), config)
    assert model_id(make_spec(samples=(SampleSpec("gpt", "V*", 9),)), config) == known
    assert model_id(make_spec(), config.with_changes(base=str(copy))) == known
    others = {
        model_id(make_spec(seed=1), config),
        model_id(make_spec(case_name="other"), config),
        model_id(make_spec(), config.with_changes(lr=0.5)),
        model_id(make_spec(), config.with_changes(base=str(velocity_base))),
        known,
    }
    assert len(others) == 5


CONTROL = "ef1dc4d8f436901e6ae4c37f01bf98983a574535718b79f3f63d13d2c3c6244e"


@pytest.mark.parametrize(
    ("config", "ids"),
    [
        (
            defaults_for("world"),
            [
                "18900b790df4a2a265b231ce42f92eb6cdac83edb24d770aed0af704a54e8981",
                "9d2800b99125dfa5fd9028140f906a0389ae3b417aa891332325296deb60cab9",
                CONTROL,
            ],
        ),
        (
            defaults_for("CompVis/stable-diffusion-v1-4"),
            [
                "49a8f98c963a464d9fd930cd5ddc50f952ab8db5be2b6fd0065d0f421adf7979",
                "5d60e3792a8db5067611aee845cdf84c2402bd886a857b7bb1797ace4b67acbc",
                CONTROL,
            ],
        ),
        (
            CustomizeConfig("world", rank=4, lr=0.5),
            [
                "939793b125dd521879a86aa30564000dfb55adf77ad4550dee41aea6b06a472a",
                "a84a39a6cb4150ffb34125bf2a83b7aecef8ab0d5b02a13bd3c283e094ca8113",
                CONTROL,
            ],
        ),
    ],
)
def test_model_ids_of_fixed_specs_and_settings_never_change(fixed_specs, config, ids):
    base = BaseGenerator("anywhere", "0" * 64)
    assert list(model_ids(list(fixed_specs.values()), config, base)) == ids
