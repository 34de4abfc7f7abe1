"""Bad requests: each is a 4xx with a reason, and the service answers the next one, in bounded memory."""

import base64
import io
import json
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from .conftest import app_in_process, png, run

JSON = {"content-type": "application/json"}


def bomb(width, height):
    """A PNG of a few bytes that claims `width` x `height` pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def b64(data):
    return base64.b64encode(data).decode()


def broad_gif():
    out = io.BytesIO()
    Image.new("P", (9000, 900)).save(out, "GIF")
    return out.getvalue()


def ask(**body):
    return {"method": "POST", "url": "/v1/attribute", "json": body}


def raw(content, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"method": "POST", "url": "/v1/attribute", "content": content, "headers": {**JSON, **named}}


def form(files=None, **fields):
    return {"method": "POST", "url": "/v1/attribute", "files": files or {"image": png()}, "data": fields}


def get(url):
    return {"method": "GET", "url": url}


def table(url, **body):
    return {"method": "POST", "url": f"/v1/table/{url}", "json": body}


def search(**body):
    return table("vectors_enc/query/", **body)


def count(**body):
    return table("vectors_enc/count_rows/", **body)


S = {"sample": "m1-s0"}
V = [0.5] * 16
BAD = {
    # what random requests found
    "no columns": (400, table("images/query/", k=3, vector=[], columns=[])),
    # addresses
    "nothing there": (404, get("/v1/nothing")),
    "another method": (405, {"method": "DELETE", "url": "/v1/images/whole"}),
    "a path in an id": (404, get("/v1/images/..%2F..%2F..%2Fetc%2Fpasswd")),
    "a path in an id, as it is": (404, get("/v1/images/../../../../etc/passwd")),
    "a path among the page's files": (404, get("/static/..%2f..%2fapp.py")),
    "a path among the page's files, twice encoded": (404, get("/static/%252e%252e/%252e%252e/app.py")),
    "a path beside the description": (404, get("/docs/..%2fapp.py")),
    "a null byte in an id": (404, get("/v1/images/a%00b")),
    "a quote in an id": (404, get("/v1/images/'%20or%20'1'='1")),
    "an id of a million letters": (422, get("/v1/images/" + "a" * 10_000)),
    "a negative offset": (422, get("/v1/samples?offset=-1")),
    "a limit beyond the limit": (422, get("/v1/samples?limit=100000")),
    "no number": (422, get("/v1/samples?limit=1e3")),
    # bodies
    "an empty body": (400, raw(b"")),
    "no JSON": (400, raw(b"{'sample': 'm1-s0'}")),
    "JSON cut off": (400, raw(b'{"sample": "m1-s')),
    "no object": (400, raw(b'["m1-s0"]')),
    "not UTF-8": (400, raw(b'{"sample": "\xff\xfe"}')),
    "nested ten thousand deep": (400, raw(b'{"queries": ' + b"[" * 10_000 + b"]" * 10_000 + b"}")),
    "NaN": (400, raw(b'{"vector": [NaN, 1.0]}')),
    "Infinity": (400, raw(b'{"vector": [-Infinity, 1.0]}')),
    "a number beyond all floats": (400, raw(b'{"vector": [1e999]}')),
    "a number of 5,000 digits": (400, raw(b'{"sample": "m1-s0", "k": ' + b"9" * 5000 + b"}")),
    "no content type": (415, {"method": "POST", "url": "/v1/attribute", "content": b'{"sample": "m1-s0"}'}),
    "plain text": (415, raw(b'{"sample": "m1-s0"}', content_type="text/plain")),
    "compressed": (415, raw(zlib.compress(bytes(10**6)), content_encoding="deflate")),
    "a body beyond the limit": (413, raw(b" " * (1 << 20) + b" ")),
    "only HTML is accepted": (406, {**ask(**S), "headers": {"accept": "text/html"}}),
    # questions
    "no question": (400, ask(k=3)),
    "two questions in one": (400, ask(sample="m1-s0", vector=V)),
    "an unknown field": (400, ask(**S, colour="red")),
    "no queries": (400, ask(queries=[])),
    "a query of nothing": (400, ask(queries=[{}])),
    "too many queries": (413, ask(queries=[S] * 21)),
    "too many images": (413, ask(**S, k=2001)),
    "k of 0": (400, ask(**S, k=0)),
    "k as text": (400, ask(**S, k="10")),
    "k as truth": (400, ask(**S, k=True)),
    "k as a fraction": (400, ask(**S, k=2.5)),
    "an unknown sample": (404, ask(sample="nobody's")),
    "a sample named as a file": (404, ask(sample="/etc/passwd")),
    "a sample as an object": (400, ask(sample={"$ne": None})),
    "a sample without vector or bytes": (404, ask(sample="m1-s0' or '1'='1")),
    "an unknown encoder": (404, ask(**S, encoder="clip-of-tomorrow")),
    "an encoder as a path": (404, ask(**S, encoder="../../enc")),
    "an unknown mapper": (404, ask(**S, mapper="nothing")),
    "an unknown pool": (400, ask(**S, pool="everything")),
    "an unknown method": (400, ask(**S, method="guess")),
    "an index that is not there": (409, ask(**S, method="index")),
    "an unknown owner": (400, ask(**S, by="uri")),
    "a field of the metadata without a name": (400, ask(**S, by="metadata.")),
    "a field of the metadata that no image has": (422, ask(**S, by="metadata.nothing")),
    "a threshold above 1": (400, ask(**S, dedup=1.5)),
    "a limit of 0": (400, ask(**S, limit=0)),
    "a limit of a billion": (413, ask(**S, limit=10**9, dedup=0.1)),
    # vectors
    "a vector of the wrong length": (400, ask(vector=[0.5] * 15)),
    "an empty vector": (400, ask(vector=[])),
    "a vector of text": (400, ask(vector=["1"] * 16)),
    "a vector of nulls": (400, ask(vector=[None] * 16)),
    "a vector of vectors": (400, ask(vector=[V])),
    "a vector of zeros": (400, ask(vector=[0.0] * 16)),
    "a vector beyond float32": (400, ask(vector=[1e39] + [0.0] * 15)),
    "a vector of 100,000": (400, ask(vector=[0.5] * 100_000)),
    # pictures
    "no base64": (400, ask(image="this is no base64!")),
    "an empty picture": (422, ask(image="")),
    "no picture": (422, ask(image=b64(b"GIF89 or so"))),
    "a picture cut off": (422, ask(image=b64(png(size=(300, 300))[:300]))),
    "an SVG": (422, ask(image=b64(b"<svg xmlns='http://www.w3.org/2000/svg'/>"))),
    "a PostScript file": (422, ask(image=b64(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"))),
    "a bomb": (413, ask(image=b64(bomb(60_000, 60_000)))),
    "a smaller bomb": (413, ask(image=b64(bomb(5000, 5000)))),
    "a broad GIF": (413, ask(image=b64(broad_gif()))),
    # forms
    "a form without a question": (400, form({"other": png()})),
    "a form with an unknown field": (400, form(colour="red")),
    "a form with a bad number": (400, form(k="many")),
    "a form cut off": (400, raw(b"--x\r\ncontent-disp", content_type="multipart/form-data; boundary=x")),
    "a form without a boundary": (400, raw(b"--x\r\n", content_type="multipart/form-data")),
    "a bomb in a form": (413, form({"image": bomb(60_000, 60_000)})),
    "a form of a thousand fields": (400, form(**{f"field{n}": "1" for n in range(1000)})),
    # conditions
    "a condition on nothing": (400, ask(**S, where="nothing = 1")),
    "no condition": (400, ask(**S, where="creator =")),
    "two statements": (400, ask(**S, where="1 = 1; drop table images")),
    "a file in a condition": (400, ask(**S, where="creator in (from read_text('/etc/passwd'))")),
    "an endless condition": (400, ask(**S, where="(select count(*) from range(1000000000000)) > 0")),
    "a vast condition": (400, ask(**S, where="length(repeat('a', 3000000000)) > 0")),
    "a condition of 20,000 letters": (400, ask(**S, where="creator = '" + "a" * 20_000 + "'")),
    # SQL where there is none
    "SQL is off": (403, {"method": "POST", "url": "/v1/sql", "json": {"sql": "select 1"}}),
    # LanceDB's protocol
    "an unknown table": (404, table("nothing/describe/", version=None)),
    "a table as a path": (403, table("..%2F..%2Fetc/describe/", version=None)),
    "a version of text": (400, table("images/describe/", version="newest")),
    "a version that never was": (404, table("images/describe/", version=99_999)),
    "a write": (403, table("images/insert/")),
    "a drop": (403, table("images/drop/")),
    "a search of a table without vectors": (400, table("images/query/", vector=V, k=3)),
    "a search by a shorter vector": (400, search(vector=V[:3], k=3)),
    "a search by nothing": (400, search(vector=[0.0] * 16, k=3)),
    "a search in an unknown column": (400, search(vector=V, k=3, vector_column="item_id")),
    "a search by another metric": (400, search(vector=V, k=3, distance_type="l2")),
    "a search for all": (413, search(vector=V, k=2**63 - 1)),
    "a search for text": (400, search(vector=[], full_text_query={"query": "a"}, k=3)),
    "a filter with a function": (400, count(predicate="repeat('a', 9999999999) = item_id")),
    "a filter with a clause": (400, count(predicate="item_kind = 'image' limit 3")),
    "a filter nested deep": (400, count(predicate="(" * 3000 + "true" + ")" * 3000)),
    "a filter of a subquery": (400, count(predicate="item_id in (select 1)")),
    "a filter on nothing": (400, count(predicate="colour = 'red'")),
    "an open quote": (400, count(predicate="item_id = 'a")),
    "a column of both": (400, search(vector=V, k=3, filter="item_kind = 'image' and creator = 'c1'")),
    "an unknown column": (400, search(vector=V, k=3, columns=["bytes"])),
    "a computed column": (400, search(vector=[], k=3, columns={"x": "upper(item_id)"})),
    "bytes of a table": (400, table("images/query/", vector=[], k=3, columns=["bytes"])),
}  # fmt: skip


def memory():
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.usefixtures("encoding")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_with_a_reason(client, name):
    status, request = BAD[name]
    before = memory()
    response = client.request(**request)
    error = json.loads(response.text)["error"]
    assert (response.status_code, error["status"]) == (status, status), response.text
    assert len(error["message"]) > 5
    assert "Traceback" not in response.text
    assert "/work" not in response.text
    assert "site-packages" not in response.text
    assert client.get("/readyz").status_code == 200
    assert memory() - before < 100 << 20


def test_a_bomb_among_good_questions_is_an_error_in_its_place(client):
    """The others are answered; nothing of the bomb is decoded."""
    before = memory()
    response = client.request(**ask(queries=[S, {"image": b64(bomb(60_000, 60_000))}]))
    good, bad = response.json()["answers"]
    assert (response.status_code, bad["error"]["status"]) == (200, 413)
    assert good["results"]
    assert memory() - before < 100 << 20


def test_a_hundred_large_requests_at_once_stay_within_memory(world):
    """Bodies in flight are counted together; what does not fit is asked to come back."""
    import asyncio

    import httpx
    from attribase.query.service import ServiceOptions

    app = app_in_process(world.uri, ServiceOptions(sql=False, body_bytes=4 << 20, all_bodies_bytes=16 << 20))

    async def body(go):
        yield b'{"sample": "'
        for _ in range(3):
            await asyncio.wait_for(go.wait(), 5)
            yield b"a" * (1 << 20)
        yield b'"}'

    async def asked():
        go = asyncio.Event()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client:
            tasks = [
                asyncio.create_task(client.post("/v1/attribute", content=body(go), headers=JSON))
                for _ in range(100)
            ]
            go.set()
            return [(await task).status_code for task in tasks]

    async def main():
        async with app.router.lifespan_context(app):
            return await asked()

    statuses = run(main())
    assert set(statuses) <= {400, 503}
    assert statuses.count(503) > 0


def test_an_unexpected_error_reveals_nothing_internal(client, monkeypatch):
    def broken(*_):
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("attribase.query.service.routes.dataset.stored_samples", broken)
    response = client.get("/v1/samples")
    assert response.status_code == 500
    assert "hunter2" not in response.text
    assert client.get("/readyz").status_code == 200
