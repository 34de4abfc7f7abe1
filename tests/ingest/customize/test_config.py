import pytest
from attribase.ingest.customize import CustomizeConfig, defaults_for
from attribase.store import InvalidInputError


@pytest.mark.parametrize(
    "changes",
    [
        {"iterations": 0},
        {"lr": 0.0},
        {"token_lr": float("nan")},
        {"augment": "flip"},
        {"rank": 0},
        {"modifier_token": "new"},
    ],
)
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InvalidInputError):
        CustomizeConfig("world", **changes)


def test_every_base_has_defaults():
    assert defaults_for("world").augment == "placed"
    other = defaults_for("CompVis/stable-diffusion-v1-4")
    assert (other.iterations, other.augment, other.resolution) == (125, "resize", 512)
    assert other.with_changes(lr=1.0).lr == 1.0
