"""Options: their range, and one list of them."""

from typing import get_type_hints

import pytest
from attribase.query import Request, attribute
from attribase.query.attribution.request import RequestOptions
from attribase.store import InvalidInputError


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": True},
        {"k": 2.0},
        {"limit": 0},
        {"by": "shoe size"},
        {"dedup": 0.0},
        {"dedup": 1.5},
        {"dedup": float("nan")},
        {"method": "magic"},
        {"where": "no such column"},
    ],
)
def test_requests_that_cannot_be_are_refused_with_a_hint(small, wrong):
    with pytest.raises(InvalidInputError) as raised:
        attribute(small.store, "m0-s0", **wrong)
    assert raised.value.hint


def test_the_options_of_attribute_are_the_fields_of_a_request(small):
    assert get_type_hints(RequestOptions) == get_type_hints(Request)
    request = Request(k=4, where="creator = 'c1'")
    answer = attribute(small.store, "m1-s0", request, k=2)
    assert answer == attribute(small.store, "m1-s0", k=2, where="creator = 'c1'")
    with pytest.raises(TypeError):
        attribute(small.store, "m1-s0", depth=3)
