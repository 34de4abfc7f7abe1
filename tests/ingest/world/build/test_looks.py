import numpy as np
import pytest
from attribase.ingest.world.build.augment import COLOURS, SCENES, on, placed
from attribase.ingest.world.build.looks import PLACES, Look, random_look, show
from attribase.ingest.world.build.media import MEDIA
from attribase.ingest.world.captions import COLOUR_PHRASES, SCENE_PHRASES, Subject, caption


@pytest.fixture
def icon():
    """A red disc on nothing."""
    yy, xx = np.mgrid[:32, :32]
    out = np.zeros((32, 32, 4), np.float32)
    out[..., 0] = 0.9
    out[..., 3] = np.hypot(xx - 15.5, yy - 15.5) < 10
    return out


KINDS = {"medium": MEDIA, "scene": SCENES, "colour": COLOURS, "place": PLACES}
EVERY_LOOK = [Look(**{kind: name}) for kind, names in KINDS.items() for name in names]


@pytest.mark.parametrize("look", EVERY_LOOK, ids=lambda look: "-".join(look.to_json().values()))
def test_every_look_is_an_image_in_range_that_differs_from_the_plain_icon(icon, look):
    rng = np.random.default_rng(0)
    image = show(icon, look, rng)
    assert image.shape == (32, 32, 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    if look.place not in ("tilted", "upside down"):  # a disc does not show them
        assert np.abs(image - show(icon, Look(), rng)).max() > 0.1


def test_a_colour_look_keeps_the_icon_and_fills_the_corner(icon):
    image = show(icon, Look(colour="blue"), np.random.default_rng(0))
    np.testing.assert_allclose(image[16, 16], [0.9, 0, 0], atol=1e-6)
    np.testing.assert_allclose(image[0, 0] * 255, COLOURS["blue"], atol=0.01)


def test_placing_at_scale_one_half_quarters_the_covered_area(icon):
    area = icon[..., 3].sum()
    assert placed(icon, 0.5)[..., 3].sum() == pytest.approx(area / 4, rel=0.08)


def test_placing_turns_and_moves_as_asked():
    icon = np.zeros((32, 32, 4), np.float32)
    icon[2:6, 14:18] = 1
    upside = placed(icon, turn=180.0)[..., 3]
    assert upside[26:30, 14:18].mean() > 0.9
    moved = placed(icon, dy=0.25)[..., 3]
    assert moved[10:14, 14:18].mean() > 0.9


def test_drawing_on_a_sheet_is_the_alpha_blend(icon):
    icon[..., 3] *= 0.25
    image = on(icon, np.ones((32, 32, 3), np.float32))
    np.testing.assert_allclose(image[16, 16], [0.25 * 0.9 + 0.75, 0.75, 0.75], atol=1e-6)


def test_looks_survive_json():
    rng = np.random.default_rng(1)
    for _ in range(50):
        look = random_look(rng)
        assert Look.from_json(look.to_json()) == look
        assert look != Look()


def test_captions_say_the_look_and_the_thing():
    subject = Subject("tomato", "food", "noto", "flat icon")
    rng = np.random.default_rng(2)
    said = [caption(subject, Look(scene="beach"), rng) for _ in range(400)]
    told = [text for text in said if text]
    assert 0.05 < 1 - len(told) / len(said) < 0.16
    assert all(any(phrase in text for phrase in SCENE_PHRASES["beach"]) for text in told)
    assert sum("tomato" in text or "food" in text for text in told) > 0.9 * len(told)
    assert all(any(style in text for text in told) for style in ("in the style of noto art", "noto style"))
    inked = [caption(subject, Look(medium="golden statue"), rng) for _ in range(100)]
    assert all("golden statue" in text for text in inked if text)
    blue = [caption(subject, Look(colour="blue"), rng) for _ in range(100)]
    assert all(any(phrase.format("blue") in text for phrase in COLOUR_PHRASES) for text in blue if text)
