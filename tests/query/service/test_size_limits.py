"""Limits over all clients together: calls that wait for a thread, large responses."""

import asyncio
import threading

import httpx
import pytest
from attribase.query.service import ServiceOptions, create_app
from attribase.query.service.service import Threads
from attribase.query.service.size_limits import CHUNK_BYTES, SizeLimits
from attribase.store.errors import OverloadedError
from starlette.responses import Response

from .conftest import run, until

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}


async def nothing():
    return {"type": "http.request", "body": b"", "more_body": False}


def test_an_answer_is_handed_on_in_pieces_and_whole():
    body = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"end"
    sent = []

    async def send(message):
        sent.append(message)

    run(SizeLimits(Response(body), ServiceOptions())(SCOPE, nothing, send))
    pieces = sent[1:]
    assert sent[0]["status"] == 200
    assert b"".join(piece["body"] for piece in pieces) == body
    assert [piece["more_body"] for piece in pieces] == [True, True, True, False]
    assert max(len(piece["body"]) for piece in pieces) == CHUNK_BYTES


def test_unsent_large_responses_are_limited_and_the_next_gets_503():
    limits = SizeLimits(Response(bytes(4 * CHUNK_BYTES)), ServiceOptions(all_answers_bytes=9 * CHUNK_BYTES))

    async def main():
        go, statuses = asyncio.Event(), []

        async def send(message):
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            elif statuses[-1] == 200:
                await go.wait()

        first = [asyncio.create_task(limits(SCOPE, nothing, send)) for _ in range(3)]
        await until(lambda: len(statuses) == 3)
        go.set()
        await asyncio.gather(*first)
        await limits(SCOPE, nothing, send)
        return statuses

    assert run(main()) == [200, 200, 503, 200]


def test_small_answers_are_never_refused():
    limits = SizeLimits(Response(b"small"), ServiceOptions(all_answers_bytes=0))
    sent = []

    async def send(message):
        sent.append(message)

    run(limits(SCOPE, nothing, send))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"small")


def test_calls_beyond_the_queue_are_refused_and_those_within_it_run():
    threads, go = Threads(1, 2, "test"), threading.Event()

    async def main():
        running = [asyncio.create_task(threads.run(go.wait, 60)) for _ in range(3)]
        await until(lambda: threads.busy == 3)
        with pytest.raises(OverloadedError):
            await threads.run(len, "abc")
        go.set()
        await asyncio.gather(*running)
        return await threads.run(len, "abc")

    assert run(main()) == 3
    assert threads.busy == 0
    threads.close()


def test_a_cancelled_call_counts_until_its_thread_is_done():
    threads, go = Threads(1, 0, "test"), threading.Event()

    async def main():
        left = asyncio.create_task(threads.run(go.wait, 60))
        await until(lambda: threads.busy == 1)
        left.cancel()
        await until(left.done)
        assert threads.busy == 1
        with pytest.raises(OverloadedError):
            await threads.run(len, "abc")
        go.set()

    run(main())
    threads.close()
    assert threads.busy == 0


def test_a_busy_service_says_when_to_come_back(world):
    app = create_app(world.uri, ServiceOptions(sql=False, threads=1, waiting=0))
    go, body = threading.Event(), {"sample": "m1-s0"}

    async def main():
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
        ):
            occupied = asyncio.create_task(app.state.service.answer_threads.run(go.wait, 60))
            await until(lambda: app.state.service.answer_threads.busy == 1)
            refused = await client.post("/v1/attribute", json=body)
            healthy = await client.get("/readyz")
            go.set()
            await occupied
            return refused, healthy, await client.post("/v1/attribute", json=body)

    refused, healthy, later = run(main())
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert (healthy.status_code, later.status_code) == (200, 200)
