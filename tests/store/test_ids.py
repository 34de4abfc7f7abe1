import hashlib
import json

import pytest
from attribase.store import content_id, key_id, run_number
from attribase.store.errors import InvalidInputError
from hypothesis import given, settings
from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def test_content_id_is_the_sha256_that_everybody_knows():
    assert content_id(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_key_id_is_the_hash_of_the_documented_text():
    text = '["clip",{"a":1,"b":[true,null]},0.5]'
    assert key_id("clip", {"b": (True, None), "a": 1}, 0.5) == hashlib.sha256(text.encode()).hexdigest()


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_the_order_of_a_dict_is_no_part_of_its_id(value):
    assert key_id(value) == key_id(dict(reversed(value.items())))


@settings(max_examples=40, deadline=None)
@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_ids_are_equal_exactly_when_the_json_is(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_id(*one) == key_id(*other)) == same


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), {1: 2, "1": 3}])
def test_what_json_cannot_say_has_no_id(value):
    with pytest.raises(InvalidInputError) as caught:
        key_id(value)
    assert caught.value.hint


def test_run_numbers_fit_a_signed_64_bit_integer():
    assert run_number("f" * 64) == 2**60 - 1
    assert run_number("0" * 64) == 0
