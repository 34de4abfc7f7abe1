"""Which requests are let in: tokens, Host and Origin headers."""

import pytest
from attribase.query.service import ServiceOptions
from attribase.store.errors import InvalidInputError
from fastapi.testclient import TestClient

from .conftest import HOME, TOKEN, app_in_process


@pytest.fixture(scope="module")
def guarded(world):
    app = app_in_process(world.uri, ServiceOptions(token=TOKEN, sql=False))
    with TestClient(app, base_url="http://attribase.example:9") as client:
        yield client


CLOSED = [
    "/v1/info",
    "/v1/samples",
    "/v1/images/whole",
    "/v1/metrics",
    "/metrics",
    "/v1/table/",
    "/nowhere",
    "/docsx",
]


@pytest.mark.parametrize("path", CLOSED)
def test_without_the_token_nothing_is_answered(guarded, path):
    response = guarded.get(path)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, 'Bearer realm="attribase"')
    assert "token is needed" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/docs", "/openapi.json", "/static/nothing.js"])
def test_the_page_and_health_need_no_token(guarded, path):
    assert guarded.get(path).status_code in (200, 404)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN}"},
        {"x-api-key": TOKEN},
    ],
)
def test_the_token_comes_in_either_header(guarded, headers):
    assert guarded.get("/v1/info", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer "},
        {"authorization": TOKEN},
        {"x-api-key": ""},
        {"x-api-key": TOKEN.upper()},
        {"x-api-key": "ü".encode()},
        {"cookie": f"token={TOKEN}"},
    ],
)
def test_anything_else_is_no_token(guarded, headers):
    assert guarded.get("/v1/info", headers=headers).status_code == 401
    assert guarded.get("/v1/info?token=" + TOKEN, headers=headers).status_code == 401


def test_the_token_is_in_no_answer_and_no_text_of_the_options(guarded):
    assert TOKEN not in repr(ServiceOptions(token=TOKEN))
    assert TOKEN not in guarded.get("/v1/info", headers={"x-api-key": TOKEN + "no"}).text


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "",
        "[::2]",
        "[",
        "localhost.evil.example",
        "127.0.0.1/.evil.example",
        "127.0.0.1?.evil.example",
        "127.0.0.1#.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1\t.evil.example",
        "127.0.0.1:8765:9",
        "127.0.0.1:x",
    ],
)
def test_without_a_token_only_names_of_this_machine_are_answered(client, host):
    """Else a page could reach the port by a name of its own that resolves to 127.0.0.1."""
    assert client.get("/v1/info", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8765", "[::1]:8765"])
def test_names_of_this_machine_are_answered(client, host):
    assert client.get("/v1/info", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "\x00", "http://a@127.0.0.1:8765"])
def test_an_origin_that_cannot_be_read_is_another_site_and_the_token_comes_first(client, guarded, origin):
    assert client.get("/v1/info", headers={"origin": origin}).status_code == 403
    response = guarded.get("/v1/info", headers={"origin": origin})
    assert (response.status_code, response.json()["error"]["status"]) == (401, 401)
    assert guarded.get("/v1/info", headers={"origin": origin, "x-api-key": TOKEN}).status_code == 403


@pytest.mark.parametrize("token", ["", " ", "short", "has a blank in it", "nön-ascii-letters"])
def test_a_token_that_is_none_is_refused(token):
    with pytest.raises(InvalidInputError, match="no usable token"):
        ServiceOptions(token=token)


def test_pages_of_other_sites_may_not_ask(client):
    assert client.get("/v1/info", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.get("/v1/info", headers={"origin": "null"}).status_code == 403
    assert client.get("/v1/info", headers={"origin": HOME}).status_code == 200
