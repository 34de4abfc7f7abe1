"""Hints of the command line, as a client of the service can follow them."""

import pytest
from attribase.query.service.wording import http_words


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (
            "embed them: attribase -s STORE ingest embed",
            "for the operator of this service: embed them: attribase -s STORE ingest embed",
        ),
        ("raise --limit, or --where", "raise the field `limit`, or the field `where`"),
        (
            'list them: attribase -s STORE query sql "from samples"',
            "list them: POST /v1/sql with the statement `from samples`",
        ),
        ("start it with --token-file", "start it with --token-file"),
        ("ids are in /v1/samples", "ids are in /v1/samples"),
        ("", ""),
    ],
)
def test_hints_speak_http(hint, said):
    assert http_words(hint) == said


def test_no_hint_of_an_unknown_name_asks_a_client_to_run_a_command(client):
    for body in (
        {"sample": "nobody"},
        {"sample": "m1-s0", "encoder": "x"},
        {"sample": "m1-s0", "mapper": "x"},
    ):
        error = client.post("/v1/attribute", json=body).json()["error"]
        assert error["hint"]
        assert "--" not in error["hint"]
        assert "attribase" not in error["hint"] or error["hint"].startswith("for the operator")
