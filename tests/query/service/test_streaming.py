"""Streamed responses: their chunks, their errors, and that making them stops when the client disconnects."""

import asyncio
import threading

import pytest
from attribase.query.service.errors import TruncatedResponseError
from attribase.query.service.service import Threads
from attribase.query.service.streaming import CHUNKS_AHEAD, stream_response
from attribase.store.errors import ClientDisconnectedError, DataError, OverloadedError
from starlette.responses import StreamingResponse

from .conftest import run, until


class Client:
    """Stands for the request of a client that disconnects when `left` is set."""

    def __init__(self):
        self.left = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def threads():
    threads = Threads(1, 0, "test")
    yield threads
    threads.close()


def respond(threads, source, client=None):
    return stream_response(client or Client(), threads, source, "text/plain")


async def body_of(response):
    return [chunk async for chunk in response.body_iterator]


def test_one_chunk_is_a_plain_response(threads):
    response = run_response(threads, lambda _: (chunk for chunk in (b"", b"whole")))
    assert (response.body, response.headers["content-length"]) == (b"whole", "5")


def run_response(threads, source):
    async def main():
        return await respond(threads, source)

    return run(main())


def test_several_chunks_are_streamed_in_their_order(threads):
    chunks = [bytes([number]) for number in range(10 * CHUNKS_AHEAD)]

    async def main():
        response = await respond(threads, lambda _: (chunk for chunk in chunks))
        assert isinstance(response, StreamingResponse)
        return await body_of(response)

    assert run(main()) == chunks


def test_an_error_before_the_second_chunk_is_raised(threads):
    def source(_):
        yield b"first"
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        run_response(threads, source)


def test_a_later_error_truncates_the_response(threads):
    def source(_):
        yield b"first"
        yield b"second"
        raise DataError("broken")

    async def main():
        body = (await respond(threads, source)).body_iterator
        chunks = [await anext(body), await anext(body)]
        with pytest.raises(TruncatedResponseError, match="broken"):
            await anext(body)
        return chunks

    assert run(main()) == [b"first", b"second"]


def test_no_more_than_a_few_chunks_are_made_ahead(threads):
    made = []

    def source(_):
        for number in range(1000):
            made.append(number)
            yield b"x"

    async def main():
        response = await respond(threads, source)
        await until(lambda: len(made) == CHUNKS_AHEAD + 3)  # two were taken, one waits for room
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(made) == CHUNKS_AHEAD + 3
        await response.body_iterator.aclose()
        await until(lambda: threads.busy == 0)

    run(main())
    assert len(made) == CHUNKS_AHEAD + 3


def test_a_client_that_disconnects_before_the_first_chunk_stops_the_source(threads):
    started, ended = threading.Event(), threading.Event()

    def source(stopped):
        started.set()
        stopped.wait()
        ended.set()
        yield from ()

    async def main():
        client = Client()
        waiting = asyncio.create_task(respond(threads, source, client))
        await until(started.is_set)
        client.left.set()
        with pytest.raises(ClientDisconnectedError):
            await waiting
        await until(lambda: threads.busy == 0)

    run(main())
    assert ended.is_set()


def test_where_no_thread_will_be_free_soon_it_is_overloaded(threads):
    go = threading.Event()

    async def main():
        occupied = asyncio.create_task(threads.run(go.wait))
        await until(lambda: threads.busy == 1)
        with pytest.raises(OverloadedError):
            await respond(threads, lambda _: (chunk for chunk in (b"x",)))
        go.set()
        await occupied

    run(main())
