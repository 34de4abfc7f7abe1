import re

import numpy as np
import pytest
from attribase.ingest.customize.placed import SAID, place
from attribase.ingest.world import model_path
from attribase.ingest.world.build.backgrounds import COLOURS
from attribase.ingest.world.build.captions import COLOUR_PHRASES, SCENE_PHRASES

SIZE = 64
RED, BLUE = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])


@pytest.fixture(scope="module")
def views():
    """Views of a square of half the side, its upper half red and its lower half blue."""
    icon = np.zeros((SIZE, SIZE, 4), np.float32)
    icon[16:32, 16:48], icon[32:48, 16:48] = [*RED, 1], [*BLUE, 1]
    rng = np.random.default_rng(0)
    return [place(icon, "object", rng) for _ in range(300)]


def area_and_tilt(view):
    """(share of the pixels that are red or blue, degrees from the middle of the red to that of the blue)"""
    red, blue = (np.abs(view.pixels - colour).max(-1) < 0.1 for colour in (RED, BLUE))
    (y1, x1), (y0, x0) = (np.argwhere(mask).mean(0) for mask in (blue, red))
    return (red | blue).mean(), np.degrees(np.arctan2(x1 - x0, y1 - y0))


def test_the_words_before_a_prompt_are_true_of_the_view(views):
    seen = {}
    for view in views:
        words = (view.prefix + "upside down" * ("upside down" in view.ending)).strip()
        seen.setdefault(words, []).append(area_and_tilt(view))
    assert set(seen) == {"", "a small", "a close up of", "a tilted", "upside down"}
    for words, measured in seen.items():
        sizes, tilts = (np.array(values) for values in zip(*measured, strict=True))
        if words == "a small":
            assert sizes.max() < 0.25 * 0.8**2
        elif words == "a close up of":
            assert sizes.min() > 0.25 * 1.2**2
        else:
            assert (sizes < 0.25 * 1.05).all()
            assert (sizes > 0.25 * 0.6**2).all()
        turned = {"a tilted": (15, 35), "upside down": (170, 180)}.get(words, (0, 10))
        assert (np.abs(tilts) >= turned[0]).all()
        assert (np.abs(tilts) <= turned[1]).all()


def test_the_words_after_a_prompt_name_the_background(views):
    scenes = {phrase for phrases in SCENE_PHRASES.values() for phrase in phrases}
    colours = {
        phrase.format(name): np.array(value) / 255
        for phrase in COLOUR_PHRASES
        for name, value in COLOURS.items()
    }
    kinds = set()
    for view in views:
        words = view.ending.replace(" upside down", "").removeprefix(" ")
        corners = view.pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
        if words in scenes:
            kinds.add("scene")
            continue
        kinds.add("colour" if words else "white")
        if view.prefix != "a close up of ":
            assert np.allclose(corners, colours[words] if words else 1.0, atol=1e-6)
    assert kinds == {"scene", "colour", "white"}


def test_no_two_views_show_the_icon_alike_and_equal_seeds_give_equal_views(views):
    assert len({view.pixels.tobytes() for view in views}) == len(views)
    icon = np.random.default_rng(1).random((SIZE, SIZE, 4)).astype(np.float32)
    first, second = (
        [place(icon, "object", rng) for _ in range(5)]
        for rng in (np.random.default_rng(2), np.random.default_rng(2))
    )
    assert all((a.pixels == b.pixels).all() for a, b in zip(first, second, strict=True))
    assert [(a.prefix, a.ending) for a in first] == [(b.prefix, b.ending) for b in second]


def test_exemplars_of_a_style_stay_upright_and_in_their_size():
    icon = np.zeros((SIZE, SIZE, 4), np.float32)
    icon[16:32, 16:48], icon[32:48, 16:48] = [*RED, 1], [*BLUE, 1]
    rng = np.random.default_rng(0)
    styled = [place(icon, "style", rng) for _ in range(100)]
    assert {view.prefix for view in styled} == {""}
    assert not any("upside down" in view.ending for view in styled)
    assert {bool(view.ending) for view in styled} == {True, False}
    for view in styled:
        size, tilt = area_and_tilt(view)
        assert 0.25 * 0.75**2 < size < 0.25 * 1.05
        assert abs(tilt) < 3


def test_the_generator_knows_every_word():
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(model_path() / "tokenizer")
    for placement in SAID:
        for word in re.findall(r"[a-z]+", placement.prefix + placement.ending):
            assert len(tokenizer.tokenize(word)) == 1, word
