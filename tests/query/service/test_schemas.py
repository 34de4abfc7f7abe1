"""Bodies of JSON: how much they may hold, and that validation stops early."""

import json

import pytest
from attribase.query.service.lancedb.schemas import QueryBody
from attribase.query.service.schemas import MAX_FIELDS, MAX_ITEMS, AttributeBody, SqlBody, parse_json
from attribase.store.errors import InvalidInputError, TooLargeError

BODIES = [AttributeBody, SqlBody, QueryBody]


@pytest.mark.parametrize("model", BODIES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"queries":[' + b"1," * MAX_ITEMS + b"1]}", "items"),
        (b'{"queries":[' + b"{}," * MAX_ITEMS + b"{}]}", "items"),
        (b"[" * (MAX_ITEMS + 1), "items"),
        (json.dumps({f"k{at}": 1 for at in range(MAX_FIELDS + 1)}).encode(), "fields"),
    ],
)
def test_json_of_too_much_is_refused_before_it_is_parsed(model, text, reason):
    with pytest.raises(TooLargeError, match=reason):
        parse_json(model, text)


@pytest.mark.parametrize("field", ["queries", "vector"])
def test_the_first_wrong_item_ends_the_validation(field):
    with pytest.raises(InvalidInputError) as caught:
        parse_json(AttributeBody, json.dumps({field: ["x"] * 60_000}).encode())
    assert "more)" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_errors_name_a_few_fields_only():
    with pytest.raises(InvalidInputError) as caught:
        parse_json(AttributeBody, json.dumps({f"k{at}": 1 for at in range(1000)}).encode())
    assert len(str(caught.value)) < 300


def test_what_clients_send_fits():
    vectors = [[0.25] * 768] * 1000
    assert len(parse_json(QueryBody, json.dumps({"vector": vectors}).encode()).vectors()) == 1000
