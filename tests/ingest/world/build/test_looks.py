from dataclasses import astuple

import numpy as np
import pytest
from attribase.ingest.world.build.backgrounds import COLOURS, SCENES
from attribase.ingest.world.build.looks import PLACEMENTS, Look, choose_look, random_look, render, transform
from attribase.ingest.world.build.media import MEDIA

KINDS = {"medium": MEDIA, "scene": SCENES, "colour": COLOURS, "placement": PLACEMENTS}
EVERY_LOOK = [Look(**{kind: name}) for kind, names in KINDS.items() for name in names]


@pytest.mark.parametrize("look", EVERY_LOOK, ids=lambda look: "".join(astuple(look)))
def test_every_look_is_an_image_in_range_that_differs_from_the_plain_icon(icon, look):
    rng = np.random.default_rng(0)
    image = render(icon, look, rng)
    assert image.shape == (32, 32, 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    if look.placement not in ("tilted", "upside down"):  # they leave a disc as it is
        assert np.abs(image - render(icon, Look(), rng)).max() > 0.1


def test_a_colour_keeps_the_icon_and_fills_the_corner(icon):
    image = render(icon, Look(colour="blue"), np.random.default_rng(0))
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


def test_of_eighty_looks_one_is_the_icon_a_quarter_are_plain_but_jittered_and_most_others_jittered():
    rng = np.random.default_rng(1)
    chosen = [choose_look(number, rng) for _ in range(50) for number in range(80)]
    plain = [jitter for look, jitter in chosen if look == Look()]
    assert chosen[0] == (Look(), False)
    assert (plain.count(False), plain.count(True)) == (50, 50 * 20)
    others = [jitter for look, jitter in chosen if look != Look()]
    assert np.mean(others) == pytest.approx(0.7, abs=0.03)


def test_a_random_look_is_never_plain():
    rng = np.random.default_rng(1)
    assert all(random_look(rng) != Look() for _ in range(200))


def test_jitter_moves_turns_and_scales_a_little(icon):
    """Centre and area of the disc's pixels, from moments."""
    rng = np.random.default_rng(2)
    yy, xx = np.mgrid[:32, :32] - 15.5
    centres, areas = [], []
    for _ in range(60):
        ink = 1 - render(icon, Look(), rng, jitter=True)[..., 1]
        areas.append(ink.sum())
        centres.append([(ink * xx).sum() / ink.sum() / 32, (ink * yy).sum() / ink.sum() / 32])
    assert 0.04 < np.abs(centres).max() <= 0.075
    scale = np.sqrt(np.array(areas) / icon[..., 3].sum())
    assert 0.84 < scale.min() < 0.9
    assert 1.0 < scale.max() < 1.06
