"""HEAD at every address, and that no part of a response can be asked for."""

import pytest


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/v1/info", "/v1/images/whole", "/static/app.js", "/openapi.json", "/docs"]
)
def test_head_is_get_without_its_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_of_nothing_is_404(client):
    assert client.head("/v1/nothing").status_code == 404


@pytest.mark.parametrize("wanted", ["bytes=0-10", "bytes=9-1,x", "bytes=99999999-", "nothing"])
def test_ranges_are_ignored(client, wanted):
    response = client.get("/static/app.js", headers={"range": wanted})
    assert (response.status_code, response.content) == (200, client.get("/static/app.js").content)


@pytest.mark.parametrize("path", ["/v1/table", "/v1/info/", "/docs/", "/static"])
def test_no_redirect_repeats_a_foreign_host(client, path):
    response = client.get(path, headers={"host": "localhost:1"}, follow_redirects=False)
    assert response.status_code in (200, 403, 404)
    assert "location" not in response.headers
