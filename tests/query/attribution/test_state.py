"""The state of an answer: by what it is decided, and how it is said."""

import io

import numpy as np
import pytest
from attribase.query import Request, attribute, attribute_many
from attribase.query.attribution.evidence import Evidence
from attribase.query.attribution.state import STATES, Findings, answer_state, is_one_colour
from PIL import Image


def _state(evidence=None, one_colour=False, **changes):
    plain = {"law": "spread", "top_share": 0.3, "null_share": 0.2, "p_none": 0.1, "attributed": None}
    known = None if evidence is None else Evidence("line", evidence)
    return answer_state(Findings(**plain | changes, evidence=known, one_colour=one_colour))


@pytest.mark.parametrize(
    ("given", "state", "why"),
    [
        ({}, "shares", ""),
        ({"law": None, "top_share": None, "null_share": None, "p_none": None}, "similar", ""),
        ({"attributed": False}, "none", ""),
        ({"attributed": False, "evidence": "strong"}, "none", ""),
        ({"attributed": True, "p_none": 0.05}, "shares", ""),
        ({"one_colour": True}, "no clear source", "one colour"),
        ({"one_colour": True, "law": None}, "no clear source", "one colour"),
        ({"one_colour": True, "attributed": True}, "no clear source", "one colour"),
        ({"evidence": "next to no"}, "no clear source", "hardly ever"),
        ({"evidence": "weak"}, "shares", ""),
        ({"null_share": 0.6, "top_share": 0.09}, "no clear source", "60% of the influence"),
        ({"null_share": 0.6, "top_share": 0.09, "evidence": "weak"}, "no clear source", "60%"),
        ({"null_share": 0.6, "top_share": 0.09, "evidence": "moderate"}, "shares", ""),
        ({"null_share": 0.49, "top_share": 0.09}, "shares", ""),
        ({"null_share": 0.6, "top_share": 0.1}, "shares", ""),
        ({"p_none": 0.8}, "no clear source", "80% of pictures"),
        ({"p_none": 0.79}, "shares", ""),
    ],
)
def test_the_state_follows_from_what_was_measured(given, state, why):
    found, text = _state(**given)
    assert found == state in STATES
    assert why in text
    assert bool(text) == bool(why)


def _reopened(image, fmt):
    out = io.BytesIO()
    image.save(out, fmt)
    return Image.open(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize("fmt", ["PNG", "JPEG"])
@pytest.mark.parametrize("colour", ["black", "white", (128, 128, 128), (200, 30, 90)])
def test_a_picture_of_one_colour_is_one_in_any_format(colour, fmt):
    plain = Image.new("RGB", (64, 48), colour)
    assert is_one_colour(_reopened(plain, fmt))
    plain.putpixel((3, 3), (90, 90, 60))
    assert not is_one_colour(_reopened(plain, "PNG"))


def test_noise_and_a_gradient_are_not_of_one_colour():
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    gradient = np.repeat(np.arange(32, dtype=np.uint8)[None, :, None], 32, 0).repeat(3, 2)
    assert not is_one_colour(Image.fromarray(noise))
    assert not is_one_colour(Image.fromarray(gradient))


def test_an_answer_below_its_level_has_the_state_none_and_says_so_first(judged_once):
    below = attribute(judged_once.store, "t1-s0", alpha=0.1)
    assert (below.attributed, below.state) == (False, "none")
    assert below.state_text.startswith("none of these: up to ")
    above = attribute(judged_once.store, "t0-s0", alpha=0.1)
    assert (above.attributed, above.state) == (True, "similar")


def test_pictures_that_match_no_better_than_any_have_no_clear_source(judged_once):
    names = [f"t{model}-s{sample}" for model in range(2) for sample in range(3)]
    others = list(np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32))
    answers = attribute_many(judged_once.store, [*names, *others], Request(k=1))
    assert {answer.state for answer in answers} == {"similar", "no clear source"}
    for answer in answers:
        assert (answer.state == "no clear source") == (answer.p_none >= 0.8)
        assert answer.state_text.startswith(
            "no clear source: " if answer.p_none >= 0.8 else "these features cannot give shares: "
        )


def test_what_shares_take_is_said_only_where_the_store_can_have_them(small):
    small.store.dataset("models").delete("true")
    without = attribute(small.store, "m0-s0", k=2)
    assert without.state == "similar"
    assert without.notes == ()
    (row,) = small.store.read("encoders").to_pylist()
    small.store.upsert("encoders", [row | {"onnx_sha256": "0" * 64}], update=True)
    assert attribute(small.store, "m0-s0", k=2).notes == (
        "shares need models customized on known images: see docs/train.md",
    )
