import pytest
from attribase.ingest.sample import SampleConfig, sample_defaults_for
from attribase.store import InvalidInputError


@pytest.mark.parametrize(
    "changes",
    [{"steps": 0}, {"guidance": -1.0}, {"batch_size": 0}, {"scheduler": "euler"}, {"resolution": 0}],
)
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InvalidInputError):
        SampleConfig(**changes)


def test_the_world_has_settings_of_its_own():
    assert sample_defaults_for("world").resolution == 64
    assert sample_defaults_for("some/base").resolution == 512
    assert sample_defaults_for("world").with_changes(steps=3).steps == 3
