import numpy as np
import pytest
from attribase.ingest.world.build.backgrounds import COLOURS, SCENES
from attribase.ingest.world.build.media import MEDIA
from attribase.ingest.world.build.variations import PLACEMENTS, Variation, random_variation, render, transform

KINDS = {"medium": MEDIA, "scene": SCENES, "colour": COLOURS, "placement": PLACEMENTS}
EVERY_VARIATION = [Variation(**{kind: name}) for kind, names in KINDS.items() for name in names]


@pytest.mark.parametrize(
    "variation", EVERY_VARIATION, ids=lambda variation: "-".join(variation.to_json().values())
)
def test_every_variation_is_an_image_in_range_that_differs_from_the_plain_icon(icon, variation):
    rng = np.random.default_rng(0)
    image = render(icon, variation, rng)
    assert image.shape == (32, 32, 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    if variation.placement not in ("tilted", "upside down"):  # they leave a disc as it is
        assert np.abs(image - render(icon, Variation(), rng)).max() > 0.1


def test_a_colour_keeps_the_icon_and_fills_the_corner(icon):
    image = render(icon, Variation(colour="blue"), np.random.default_rng(0))
    np.testing.assert_allclose(image[16, 16], [0.9, 0, 0], atol=1e-6)
    np.testing.assert_allclose(image[0, 0] * 255, COLOURS["blue"], atol=0.01)


def test_placing_at_scale_one_half_quarters_the_covered_area(icon):
    area = icon[..., 3].sum()
    assert transform(icon, 0.5)[..., 3].sum() == pytest.approx(area / 4, rel=0.08)


def test_placing_turns_and_moves_as_asked():
    icon = np.zeros((32, 32, 4), np.float32)
    icon[2:6, 14:18] = 1
    turned = transform(icon, turn=180.0)[..., 3]
    assert turned[26:30, 14:18].mean() > 0.9
    moved = transform(icon, dy=0.25)[..., 3]
    assert moved[10:14, 14:18].mean() > 0.9


def test_variations_survive_json():
    rng = np.random.default_rng(1)
    for _ in range(50):
        variation = random_variation(rng)
        assert Variation.from_json(variation.to_json()) == variation
        assert variation != Variation()
