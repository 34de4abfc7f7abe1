"""Requests of a client with the token that try to exhaust memory, time or stack, by kind."""

from __future__ import annotations

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Attempt:
    """One request. `pace`: how the client behaves while it sends and reads."""

    name: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    pace: str = "quick"  # quick | leaves | reads slowly | sends slowly
    raw: bytes | None = None  # what is sent instead of a well-formed request


@dataclass(frozen=True)
class Target:
    """What the attacked store has."""

    sample: str
    vectors: str  # a vector table
    dim: int


def attempts(target: Target) -> list[Attempt]:
    """Every attack, small variations drawn from a fixed seed."""
    found = [
        *_conditions(target),
        *_pictures(),
        *_bodies(target),
        *_statements(),
        *_searches(target),
        *_protocol(target),
    ]
    random.Random(0).shuffle(found)
    return found


def _attribute(name: str, **fields: object) -> Attempt:
    return Attempt(name, "POST", "/v1/attribute", json.dumps(fields).encode())


def _conditions(target: Target) -> Iterator[Attempt]:
    texts = {
        "sums": "1" + "+1" * 4900 + " = 1",
        "is null chain": "uri" + " is null" * 600,
        "concatenations": "uri" + "||uri" * 4000 + " = 'a'",
        "comparisons": "true" + " = true" * 4000,
        "negations": "not " * 5000 + "true",
        "brackets": "(" * 5000 + "true" + ")" * 5000,
        "signs": "- " * 4000 + "1 = 1",
        "disjunctions": " or ".join(["uri = 'a'"] * 900),
        "long list": "uri in (" + ",".join(["'a'"] * 2000) + ")",
        "cases": "case when true then " * 400 + "true" + " end" * 400,
        "casts": "cast(" * 800 + "'1'" + " as varchar)" * 800 + " = '1'",
        "quoted function": "`repeat`('a', 1000000000) = 'b'",
        "double-quoted function": "\"repeat\"('a', 1000000000) = 'b'",
        "division by zero": "1/0 = 1",
        "cast of text": "cast(uri as int) = 1",
        "backtracking": "regexp_matches(uri, '(a*)*(a*)*(a*)*b')",
        "growing text": "replace(replace(uri, 'a', repeat('a', 9999)), 'a', repeat('a', 9999)) = 'b'",
    }
    for name, text in texts.items():
        yield _attribute(f"condition: {name}", sample=target.sample, where=text[:10_000])
        body = json.dumps({"filter": text, "k": 10}).encode()
        yield Attempt(f"filter: {name}", "POST", f"/v1/table/{target.vectors}/query/", body)
        body = json.dumps({"predicate": text}).encode()
        yield Attempt(f"predicate: {name}", "POST", "/v1/table/images/count_rows/", body)


def _pictures() -> Iterator[Attempt]:
    kinds = {
        "one pixel wide": _png(1, 24_900_000),
        "one pixel high": _png(24_900_000, 1),
        "two pixels wide": _png(2, 12_000_000),
        "four million high": _png(1, 4_000_000),
        "beyond the limit": _png(200_000, 200_000, rows=1),
        "square at the limit": _png(4999, 4999),
        "many scans": scans_jpeg(4000),
        "many frames": _many_frames(),
        "many directories": _many_directories(),
        "truncated": _png(3000, 3000)[:-2000],
        "wide WebP": _saved("WEBP", (16_000, 1500)),
        "sixteen bits": _png(4000, 4000, depth=16),
    }
    for name, data in kinds.items():
        yield _attribute(f"picture: {name}", image=base64.b64encode(data).decode())
        form = (
            b"--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n" + data + b"\r\n--x--\r\n"
        )
        headers = {"content-type": "multipart/form-data; boundary=x"}
        yield Attempt(f"form: {name}", "POST", "/v1/attribute", form, headers)
    slow = base64.b64encode(kinds["many scans"]).decode()
    body = json.dumps({"queries": [{"image": slow}] * 8}).encode()
    yield Attempt("picture: client leaves", "POST", "/v1/attribute", body, pace="leaves")


def _bodies(target: Target) -> Iterator[Attempt]:
    texts = {
        "wrong elements": b'{"queries":[' + b"1," * 3_000_000 + b"1]}",
        "empty elements": b'{"queries":[' + b"{}," * 2_000_000 + b"{}]}",
        "extra keys": ("{" + ",".join(f'"k{at}":1' for at in range(300_000)) + "}").encode(),
        "deep": b'{"queries":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "long number": b'{"k":' + b"9" * 5_000_000 + b"}",
        "long text": b'{"where":"' + b"a" * 20_000_000 + b'"}',
        "escapes": b'{"where":"' + rb"\u0000" * 3_000_000 + b'"}',
        "cut off": b'{"queries":[{"vector":[1,2',
        "not text": bytes(range(256)) * 1000,
    }
    for name, body in texts.items():
        for path in ("/v1/attribute", "/v1/sql", f"/v1/table/{target.vectors}/query/"):
            yield Attempt(f"body: {name}", "POST", path, body)
    numbers = "[" + ",".join(["0.5"] * 60_000) + "]"
    many = ",".join([f'{{"vector":{numbers}}}'] * 60)
    yield Attempt(
        "body: vectors of another size", "POST", "/v1/attribute", f'{{"queries":[{many}]}}'.encode()
    )
    rows = ",".join([numbers] * 60)
    path = f"/v1/table/{target.vectors}/query/"
    yield Attempt("body: rows of another size", "POST", path, f'{{"vector":[{rows}],"k":10}}'.encode())
    fields = "".join(
        f"--x\r\nContent-Disposition: form-data; name=f{at}\r\n\r\n1\r\n" for at in range(50_000)
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    yield Attempt("form: many fields", "POST", "/v1/attribute", fields.encode() + b"--x--\r\n", headers)
    parameters = json.dumps({"sql": "select 1", "params": [list(range(200_000))] * 10}).encode()
    yield Attempt("body: parameters", "POST", "/v1/sql", parameters)


def _statements() -> Iterator[Attempt]:
    texts = {
        "empty structs": "select list_transform(range(100000), lambda x: {'a': null}) from range(1000)",
        "nulls": "select " + ",".join(["null"] * 500) + " from range(100000)",
        "booleans": "select " + ",".join(["true"] * 500) + " from range(100000)",
        "lists of booleans": "select list_transform(range(100000), lambda x: true) from range(1000)",
        "enums": "select 'a'::enum('a', 'b') from range(100000) t(a), range(1000) s(b)",
        "long text": "select repeat('a', 1000000000)",
        "many texts": "select repeat('a', 1000000) from range(10000)",
        "one list": "select list(range) from range(1000000000)",
        "cross join": "select count(*) from range(1000000) a, range(1000000) b, range(1000) c",
        "sort": "select * from range(100000000) order by hash(range)",
        "recursion": "with recursive r as (select 1 n union all select n + 1 from r) select count(*) from r",
        "aggregate": "select string_agg(uri || repeat('x', 100000), '') from images, range(100000)",
        "deep": "select " + "(" * 20_000 + "1" + ")" * 20_000,
        "wide": "select " + ",".join(["1"] * 30_000),
        "settings": "show memory_limit",
        "all settings": "select * from duckdb_settings()",
        "pictures": "select bytes from images, range(1000)",
        "maps": "select map_from_entries(list_transform(range(50000), lambda x: (x, {}))) from range(1000)",
        "json": "select to_json(list(range)) from range(100000000)",
    }
    for name, text in texts.items():
        body = json.dumps({"sql": text}).encode()
        yield Attempt(f"sql: {name}", "POST", "/v1/sql", body)
        arrow = JSON | {"accept": "application/vnd.apache.arrow.stream"}
        yield Attempt(f"sql as Arrow: {name}", "POST", "/v1/sql", body, arrow)
    for pace in ("leaves", "reads slowly"):
        body = json.dumps({"sql": "select *, repeat('x', 500) from range(100000)"}).encode()
        yield Attempt(f"sql: {pace}", "POST", "/v1/sql", body, pace=pace)


def _searches(target: Target) -> Iterator[Attempt]:
    vector = [0.1 * (at % 7 + 1) for at in range(target.dim)]
    path = f"/v1/table/{target.vectors}/query/"
    batch = [vector] * max(1, 400_000 // target.dim)
    bodies = {
        "lower bound": {"vector": batch, "k": 10, "lower_bound": 0.5},
        "upper bound": {"vector": batch, "k": 10, "upper_bound": 1.9},
        "many rows": {"vector": vector, "k": 10_000, "columns": ["item_id", "base"]},
        "far": {"vector": vector, "k": 10, "offset": 2**31 - 20},
        "no search": {"k": 100_000, "columns": ["base"]},
        "zeros": {"vector": [0.0] * target.dim, "k": 10},
        "large numbers": {"vector": [1e308] * target.dim, "k": 10},
    }
    for name, body in bodies.items():
        yield Attempt(f"search: {name}", "POST", path, json.dumps(body).encode())
    queries = [{"vector": vector}] * max(1, 200_000 // target.dim)
    yield _attribute("search: near-duplicates", queries=queries[:100], dedup=0.01, k=10_000, limit=100_000)
    yield _attribute("search: owners", queries=queries, by="creator", k=10_000)
    yield Attempt("browse: text", "GET", "/v1/samples?limit=1000&q=" + "%25" * 160, headers={})
    yield Attempt("browse: intervals", "GET", "/v1/metrics?intervals=true", headers={})


def _protocol(target: Target) -> Iterator[Attempt]:
    raws = {
        "malformed": b"GET / HTTP/9.9 no\r\n\r\n",
        "no request": b"\x00\x01\x02" * 100 + b"\r\n\r\n",
        "long head": b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
        "bad length": b"POST /v1/sql HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "half a head": b"POST /v1/attribute HTTP/1.1\r\nhost: ",
    }
    for name, raw in raws.items():
        yield Attempt(f"protocol: {name}", "GET", "/", raw=raw)
    yield Attempt("protocol: origin", "GET", "/v1/info", headers={"origin": "http://["})
    yield Attempt("protocol: range", "GET", "/static/app.js", headers={"range": "bytes=9-1,x"})
    yield Attempt("protocol: head", "HEAD", "/", headers={})
    yield Attempt(
        "protocol: slow body", "POST", "/v1/attribute", b"{" + b" " * 2_000_000, pace="sends slowly"
    )
    body = json.dumps({"sample": target.sample, "k": 10_000}).encode()
    yield Attempt("protocol: leaves", "POST", "/v1/attribute", body, pace="leaves")


def _png(width: int, height: int, *, rows: int | None = None, depth: int = 8) -> bytes:
    """A PNG of zeros, compressed as it is made; `rows` of its rows are there."""
    packer, data = zlib.compressobj(9), []
    line = b"\0" * (1 + width * depth // 8)
    left = height if rows is None else rows
    many = max(1, (1 << 20) // len(line))
    while left:
        data.append(packer.compress(line * min(many, left)))
        left -= min(many, left)
    data.append(packer.flush())
    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", b"".join(data)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _saved(kind: str, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (9, 90, 200)).save(out, kind)
    return out.getvalue()


def scans_jpeg(count: int, side: int = 3000) -> bytes:
    """A progressive JPEG whose last scan is repeated `count` times; each visits all blocks."""
    out = io.BytesIO()
    Image.new("L", (side, side), 128).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:last] + data[last:end] * count + data[end:]


def _many_frames() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("P", (64, 64), at % 250) for at in range(3000)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def _many_directories() -> bytes:
    """A TIFF of one grey pixel with 50,000 directories that share it."""
    entry = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    entry += [(277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1)]
    size = 2 + 12 * len(entry) + 4
    parts = [b"II*\0", struct.pack("<I", 12), b"\x80\0\0\0"]
    count = 50_000
    for number in range(count):
        following = 12 + (number + 1) * size if number + 1 < count else 0
        parts.append(struct.pack("<H", len(entry)))
        parts += [struct.pack("<HHII", *one) for one in entry]
        parts.append(struct.pack("<I", following))
    return b"".join(parts)
