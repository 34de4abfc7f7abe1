"""Clients that send attacks and good requests to a running service."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from .attack_requests import Attempt

KEPT_BYTES = 4 << 20
"""Of an answer: good answers are smaller."""


@dataclass(frozen=True)
class Good:
    """A request of an honest client, and its answer from before the attack."""

    attempt: Attempt
    answer: bytes = b""


@dataclass
class Outcome:
    """What clients saw, and what the watching process measured."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)  # (attack, status or error)
    good: Counter[tuple[str, str]] = field(default_factory=Counter)  # (request, same | other | status)
    not_json: list[str] = field(default_factory=list)
    without_retry: list[str] = field(default_factory=list)
    health_seconds: list[float] = field(default_factory=list)
    health_failures: list[str] = field(default_factory=list)
    peak_bytes: int = 0
    peak_resident: int = 0

    def server_errors(self) -> dict[str, int]:
        """Answers of 5xx other than 503, by request and status."""
        every = self.statuses + self.good
        return {
            f"{name}: {status}": count
            for (name, status), count in every.items()
            if status.startswith("5") and status != "503"
        }

    def good_share(self, status: str) -> float:
        """The share of good requests that ended so."""
        total = sum(self.good.values())
        return sum(count for (_, one), count in self.good.items() if one == status) / max(1, total)


def good_requests(sample: str, image: str, vectors: str, dim: int) -> list[Attempt]:
    """One of each route."""
    vector = [0.1 * (at % 5 + 1) for at in range(dim)]
    post: list[tuple[str, object]] = [
        ("/v1/attribute", {"sample": sample, "k": 5}),
        ("/v1/attribute", {"vector": vector, "k": 5}),
        ("/v1/attribute", {"sample": sample, "k": 3, "where": "uri <> 'x' and width > 1", "by": "creator"}),
        ("/v1/sql", {"sql": "select count(*) as images from images"}),
        ("/v1/sql", {"sql": "select image_id, uri from images order by image_id limit 20"}),
        (f"/v1/table/{vectors}/describe/", {}),
        ("/v1/table/images/count_rows/", {"predicate": "width > 1"}),
        (f"/v1/table/{vectors}/query/", {"vector": vector, "k": 5, "columns": ["item_id"]}),
        (f"/v1/table/{vectors}/index/list/", {}),
    ]
    get = [
        "/",
        "/static/app.js",
        "/openapi.json",
        "/v1/info",
        "/v1/samples?limit=10",
        "/v1/metrics",
        "/v1/table/",
        f"/v1/images/{quote(image)}",
        f"/v1/images/{quote(image)}?size=64",
        f"/v1/samples/{quote(sample)}?format=json",
    ]
    return [
        *(
            Attempt(f"POST {path} {at}", "POST", path, json.dumps(body).encode())
            for at, (path, body) in enumerate(post)
        ),
        *(Attempt(f"GET {path}", "GET", path, headers={}) for path in get),
    ]


async def send(attempt: Attempt, port: int, headers: dict[str, str]) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and the first KEPT_BYTES of the body; `left` where the client did not wait."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if attempt.raw is not None:
            writer.write(attempt.raw)
        else:
            lines = {"host": f"127.0.0.1:{port}", "connection": "close", **headers, **attempt.headers}
            if attempt.body:
                lines["content-length"] = str(len(attempt.body))
            head = f"{attempt.method} {attempt.path} HTTP/1.1\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(head.encode() + b"\r\n")
            await _send_body(writer, attempt)
        if attempt.pace == "leaves":
            await asyncio.sleep(0.3)
            return "left", {}, b""
        return await _read_answer(reader, attempt.pace == "reads slowly")
    finally:
        writer.transport.abort()


async def _send_body(writer: asyncio.StreamWriter, attempt: Attempt) -> None:
    pieces = 1 if attempt.pace != "sends slowly" else 100
    step = max(1, -(-len(attempt.body) // pieces))
    with suppress(ConnectionError):  # refused by its head: the answer is there to be read
        for at in range(0, len(attempt.body), step):
            writer.write(attempt.body[at : at + step])
            await writer.drain()
            if pieces > 1:
                await asyncio.sleep(0.05)


async def _read_answer(reader: asyncio.StreamReader, slowly: bool) -> tuple[str, dict[str, str], bytes]:
    kept, size = bytearray(), 0
    while chunk := await reader.read(1 << 12 if slowly else 1 << 16):
        size += len(chunk)
        if len(kept) < KEPT_BYTES:
            kept += chunk
        if slowly:
            await asyncio.sleep(0.2)
            if size > 200_000:
                break
    head, _, body = bytes(kept).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = _join_chunks(body)
    return ([*first.split(" "), "none"])[1] if first else "closed", headers, body


def _join_chunks(data: bytes) -> bytes:
    found = []
    while data:
        size, _, data = data.partition(b"\r\n")
        if not (count := int(size or b"0", 16)):
            break
        found.append(data[:count])
        data = data[count + 2 :]
    return b"".join(found)


async def run_clients(
    outcome: Outcome,
    port: int,
    headers: dict[str, str],
    attacks: list[Attempt],
    good: list[Good],
    *,
    clients: int,
    seconds: float,
) -> None:
    """`clients` at once, two attacks to one good request, until `seconds` are over."""
    until = time.monotonic() + seconds

    async def client(number: int) -> None:
        choices = random.Random(number)
        while time.monotonic() < until:
            if choices.random() < 1 / 3:
                await _send_good(outcome, choices.choice(good), port, headers)
            else:
                await _send_attack(outcome, choices.choice(attacks), port, headers)

    await asyncio.gather(*(client(number) for number in range(clients)))


async def _send_attack(outcome: Outcome, attack: Attempt, port: int, headers: dict[str, str]) -> None:
    try:
        async with asyncio.timeout(120):
            status, answered, body = await send(attack, port, headers)
    except (ConnectionResetError, BrokenPipeError):
        status, answered, body = "reset", {}, b""
    except TimeoutError:
        status, answered, body = "no answer", {}, b""
    outcome.statuses[attack.name, status] += 1
    if status[:1] in "45" and attack.method != "HEAD" and not _is_json(body):
        outcome.not_json.append(f"{attack.name}: {status} {body[:80]!r}")
    if status == "503" and "retry-after" not in answered:
        outcome.without_retry.append(attack.name)
    if status == "503":
        await asyncio.sleep(0.2)


async def _send_good(outcome: Outcome, good: Good, port: int, headers: dict[str, str]) -> None:
    try:
        async with asyncio.timeout(120):
            status, answered, body = await send(good.attempt, port, headers)
    except (OSError, TimeoutError) as error:
        outcome.good[good.attempt.name, type(error).__name__] += 1
        return
    result = status if status != "200" else "same" if same_answer(body, good.answer) else "other"
    outcome.good[good.attempt.name, result] += 1
    if status == "503":
        if "retry-after" not in answered:
            outcome.without_retry.append(good.attempt.name)
        await asyncio.sleep(0.5)


def same_answer(body: bytes, expected: bytes) -> bool:
    """Whether two answers say the same, whenever they were asked for and however long they took."""
    return body == expected or _without_times(body) == _without_times(expected)


def _without_times(body: bytes) -> object:
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return (
        {key: part for key, part in value.items() if key not in ("seconds", "milliseconds", "provenance")}
        if isinstance(value, dict)
        else value
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
