"""JSON in one form only."""

import pytest
from attribase.packs.canonical import parse_canonical, to_canonical
from attribase.store import DataError

VALUE = {"b": [1, 2.5, None], "a": {"ü": "x"}}


def test_content_comes_back():
    assert parse_canonical(to_canonical(VALUE), "it") == VALUE


@pytest.mark.parametrize(
    "other", [b'{"a":1}', b'{"a": 1}\n', b'{\n  "a": 1\n}', b'{\n  "a": 1 \n}\n', b'{\n  "a": 01\n}\n']
)
def test_another_form_of_the_same_content_is_refused(other):
    with pytest.raises(DataError, match="the manifest"):
        parse_canonical(other, "the manifest")


@pytest.mark.parametrize("data", [b"", b"[]\n", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(DataError):
        parse_canonical(data, "it")


def test_a_number_that_json_has_not_is_not_written():
    with pytest.raises(ValueError, match="JSON"):
        to_canonical({"a": float("nan")})
