"""Any body and headers for any route: an answer or a 4xx with a reason in JSON; of 5xx only 503."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..query.conftest import made_once  # noqa: F401
from ..query.service.conftest import app, client, png, world  # noqa: F401
from .conftest import cases
from .json_values import changed, texts, values

pytestmark = pytest.mark.slow
VECTOR = [0.5] * 16
BODIES = (
    ("/v1/attribute", {"sample": "m1-s0", "k": 3, "where": "creator = 'c1'", "pool": "all"}),
    (
        "/v1/attribute",
        {"image": base64.b64encode(png()).decode(), "encoder": "enc", "mapper": "none", "k": 2},
    ),
    ("/v1/attribute", {"queries": [{"sample": "m1-s0"}, {"vector": VECTOR}], "k": 2, "method": "exact"}),
    ("/v1/sql", {"sql": "select 1", "params": {"x": 1}, "max_rows": 3}),
    ("/v1/table/vectors_enc/query/", {"vector": VECTOR, "k": 3, "filter": "item_kind = 'image'"}),
    ("/v1/table/images/query/", {"k": 3, "vector": [], "columns": ["image_id"], "filter": "width is null"}),
    ("/v1/table/images/count_rows/", {"predicate": "uri like 'file%'"}),
    ("/v1/table/images/describe/", {"version": None}),
    ("/v1/table/images/insert/", {"rows": []}),
)
HEADERS = (
    (
        "content-type",
        ("application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", ""),
    ),
    (
        "accept",
        ("*/*", "application/json", "text/html", "application/vnd.apache.arrow.stream", "a/b;q=x", ""),
    ),
    ("origin", ("http://127.0.0.1:8765", "http://[", "null", "https://evil.example")),
    ("range", ("bytes=0-3", "bytes=9-1", "bytes=x", "lines=1-2")),
    ("if-none-match", ('"x"', "*", "W/")),
    ("content-encoding", ("gzip", "identity", "br")),
    ("x-odd", ("a", "b" * 9000)),
)
PARTS = (
    "",
    "k",
    "images",
    "whole",
    "torn",
    "vast",
    "..",
    "%2e%2e",
    "%00",
    "é",
    "'",
    "a" * 300,
    "vectors_enc",
    "m1-s0",
)

headers = st.fixed_dictionaries({}, optional={name: st.sampled_from(some) for name, some in HEADERS})
documents = st.one_of(
    *(
        st.tuples(st.just(url), changed(body).map(lambda one: json.dumps(one).encode()))
        for url, body in BODIES
    ),
    st.tuples(
        st.sampled_from(sorted({url for url, _ in BODIES})), values.map(lambda one: json.dumps(one).encode())
    ),
    st.tuples(st.sampled_from(sorted({url for url, _ in BODIES})), st.binary(max_size=60)),
)


def check(answer) -> None:
    assert answer.status_code < 500 or answer.status_code == 503, answer.text[:500]
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.headers["content-type"].startswith("application/json"), answer.text[:200]
        assert answer.json()["error"]["message"]


@cases(short=150, long=3_000)
@given(document=documents, given_headers=headers)
def test_any_body_is_an_answer_or_a_4xx_with_a_reason(client, document, given_headers):  # noqa: F811
    url, body = document
    check(client.post(url, content=body, headers={"content-type": "application/json", **given_headers}))


@cases(short=60, long=1_000)
@given(
    fields=st.dictionaries(st.sampled_from(("image", "k", "where", "encoder", "")), texts, max_size=3),
    data=st.binary(max_size=80),
)
def test_any_form_is_an_answer_or_a_4xx_with_a_reason(client, fields, data):  # noqa: F811
    safe = {name: text.encode("utf-8", "replace").decode() for name, text in fields.items()}
    for files in ({"image": ("a.png", data)}, {"image": ("a.png", png() + data)}, {"other": ("", data)}):
        check(client.post("/v1/attribute", files=files, data=safe))


@st.composite
def addresses(draw: st.DrawFn, known: list[str]) -> str:
    """A route of the service with anything for its parameters, and any question behind it."""
    path = draw(st.sampled_from(known))
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + draw(st.sampled_from(PARTS)) + rest.partition("}")[2]
    names = st.sampled_from(("limit", "offset", "order", "page_token", "size", "collection", "where", "odd"))
    pairs = draw(
        st.dictionaries(names, st.sampled_from(("0", "-1", "x", "9" * 30, "'", "%ff", "")), max_size=2)
    )
    return path + ("?" + "&".join(f"{name}={value}" for name, value in pairs.items()) if pairs else "")


@cases(short=150, long=3_000)
@given(
    data=st.data(),
    method=st.sampled_from(("GET", "GET", "HEAD", "POST", "PUT", "DELETE")),
    given_headers=headers,
)
def test_any_address_is_an_answer_or_a_4xx_with_a_reason(client, data, method, given_headers):  # noqa: F811
    known = sorted({route.path for route in client.app.routes if hasattr(route, "path")})
    check(client.request(method, data.draw(addresses(known)), headers=given_headers))
