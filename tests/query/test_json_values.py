"""JSON of answers: its bytes, and what becomes of values that JSON does not have."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from attribase.query.json_values import json_bytes, json_text, json_value

VALUES = (
    (float("nan"), "null"),
    (float("-inf"), "null"),
    (Decimal("NaN"), "null"),
    (np.float32("nan"), "null"),
    (1e-9, "1e-09"),
    (1e16, "1e+16"),
    (0.1, "0.1"),
    (2**70, "1180591620717411303424"),
    (Decimal(2**70), "1180591620717411303424"),
    (Decimal("1.50"), "1.5"),
    (np.float32(0.5), "0.5"),
    (np.int64(7), "7"),
    (True, "true"),
    (None, "null"),
    (b"\x00\xff", '"00ff"'),
    (date(2026, 1, 2), '"2026-01-02"'),
    (datetime(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05"'),
    (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00+00:00"'),
    (timedelta(days=1), '"1 day, 0:00:00"'),
    ("é漢\u2028", '"é漢\u2028"'),
)


@pytest.mark.parametrize(("value", "text"), VALUES, ids=[text for _, text in VALUES])
def test_a_value_has_one_text_alone_and_inside_others(value, text):
    assert json_text(value) == text
    assert json_text({"b": [value, 1], "a": (value,)}) == f'{{"b": [{text}, 1], "a": [{text}]}}'
    beside_nan = {"b": [value, float("nan")], "a": (value,)}  # the whole is copied then
    assert json_text(beside_nan) == f'{{"b": [{text}, null], "a": [{text}]}}'
    assert json.dumps(json_value(value), ensure_ascii=False) == text


def test_keys_are_sorted_and_spaces_left_out_where_asked():
    value = {"b": 1, "a": {"d": 2, "c": float("nan")}}
    assert json_text(value, sort_keys=True) == '{"a": {"c": null, "d": 2}, "b": 1}'
    assert json_bytes(value) == b'{"b":1,"a":{"d":2,"c":null}}'


def test_bytes_are_valid_utf8_whatever_the_text():
    assert json_bytes(["\ud800é"]) == '["?é"]'.encode()
