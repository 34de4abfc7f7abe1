"""Pictures, thumbnails and rows of stored items."""

import io

import pytest
from attribase.query.service.service import thumbnail_cache
from PIL import Image

from ..conftest import png


def test_bytes_come_as_stored_with_their_type_and_may_be_kept(client):
    response = client.get("/v1/images/whole")
    assert response.content == png()
    assert response.headers["content-type"] == "image/png"
    assert "immutable" in response.headers["cache-control"]
    again = client.get("/v1/images/whole", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_thumbnail_fits_the_size_and_is_never_enlarged(client):
    small = Image.open(io.BytesIO(client.get("/v1/images/whole?size=20").content))
    same = Image.open(io.BytesIO(client.get("/v1/samples/drawn?size=1024").content))
    assert (small.size, same.size) == ((20, 15), (40, 30))
    assert (
        client.get("/v1/images/whole?size=20").headers["etag"]
        != client.get("/v1/images/whole").headers["etag"]
    )


def test_a_row_has_everything_but_the_bytes(client):
    row = client.get("/v1/images/g003?format=json").json()
    assert (row["image_id"], row["creator"], row["collections"]) == ("g003", "c0", ["gallery"])
    assert "bytes" not in row
    assert client.get("/v1/samples/drawn?format=json").json()["prompt"] == "A Cat's hat"


def test_what_may_hold_a_script_is_never_shown_by_a_browser(client):
    response = client.get("/v1/images/script")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("images/referenced", 404, "elsewhere.example"),
        ("images/nothing", 404, "no such image"),
        ("samples/nothing", 404, "no such sample"),
        ("samples/m0-s0", 404, "no bytes"),
        ("images/torn?size=64", 422, "decoded"),
        ("images/script?size=64", 422, "format"),
        ("images/vast?size=64", 413, "2000 x 1000"),
        ("images/whole?size=8", 422, "size"),
        ("images/whole?size=many", 422, "size"),
        ("images/whole?format=xml", 422, "format"),
    ],
)
def test_what_cannot_be_shown_says_why(client, path, status, reason):
    response = client.get(f"/v1/{path}")
    assert response.status_code == status
    assert reason in str(response.json()["error"])


def test_thumbnails_are_kept_within_their_limit():
    kept, made = thumbnail_cache(100), []

    def make(number):
        made.append(number)
        return bytes(30), "image/png"

    for number in range(10):
        kept.get(("images", str(number), 64), lambda number=number: make(number))
        kept.get(("images", str(number), 64), lambda number=number: make(number))
    assert kept.size == 90
    assert made == list(range(10))
    assert kept.get(("images", "9", 64), lambda: make("again")) == (bytes(30), "image/png")
    assert made == list(range(10))
    kept.get(("images", "0", 64), lambda: make("again"))
    assert made == [*range(10), "again"]
