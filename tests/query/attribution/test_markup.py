"""What the HTML of answers is made with."""

import base64
import io

import numpy as np
import pytest
from attribase.query.attribution.markup import data_uri, percent, render
from attribase.runtime.encode import encode_pixels
from jinja2 import UndefinedError
from PIL import Image


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1e-9, "under 0.1%"),
        (0.0123, "1.2%"),
        (0.0996, "10%"),
        (0.55, "55%"),
        (0.996, "99.6%"),
        (0.9996, "over 99.9%"),
        (1 - 1e-12, "100%"),
        (1, "100%"),
    ],
)
def test_percents_are_as_exact_as_they_are_read(share, text):
    assert percent(share) == text


def test_a_data_uri_is_a_picture_of_at_most_the_side():
    data = encode_pixels(np.zeros((300, 200, 3), np.uint8))
    head, text = data_uri(data, side=60).split(",")
    assert head.startswith("data:image/")
    assert Image.open(io.BytesIO(base64.b64decode(text))).size == (40, 60)


def test_broken_bytes_have_no_data_uri():
    assert data_uri(b"no picture") is None
    assert data_uri(None) is None


def test_a_value_that_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError, match="'unsourced' is undefined"):
        render("cell.html", answer={})
