"""The size of a project."""

import pytest
from attribase.costs import Scale
from attribase.store import InvalidInputError


def test_vectors_are_of_the_gallery_the_exemplars_and_the_samples():
    scale = Scale(models=10, samples=400, gallery=1000, exemplars=3)
    assert (scale.real_images, scale.vectors) == (1030, 1430)


@pytest.mark.parametrize(("name", "value"), [("models", -1), ("gallery", 0), ("gpus", 0), ("mappers", -1)])
def test_a_number_below_its_least_is_an_error(name, value):
    with pytest.raises(InvalidInputError, match=f"{name} is {value}"):
        Scale(**{"models": 1, "samples": 1, "gallery": 1, name: value})


def test_iterations_are_those_of_custom_diffusion_here():
    from attribase.ingest.customize import CustomizeConfig

    config = CustomizeConfig("runwayml/stable-diffusion-v1-5")
    assert Scale(1, 1, 1).iterations == config.iterations
    assert Scale(1, 1, 1).views == config.views
