"""Bodies of requests: how many bytes each and all of them may have, and that they arrive in time."""

import asyncio

import pytest
from attribase.query.service import ServiceOptions
from attribase.query.service.bodies import BodyReader
from attribase.store.errors import (
    InvalidInputError,
    NotReadyError,
    OverloadedError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaTypeError,
)

from .conftest import run


def arriving(*parts):
    """ASGI's `receive` for a body in parts; None stands for a client that disconnects."""
    messages = [
        {"type": "http.disconnect"}
        if part is None
        else {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]
    coming = iter(messages)

    async def receive():
        return next(coming)

    return receive


def read(reader, *parts):
    async def main():
        body = reader.spool()
        await reader.read(arriving(*parts), body)
        return b"".join(body)

    return run(main)


def test_a_body_is_what_arrived():
    assert read(BodyReader(ServiceOptions()), b"ab", b"", b"c") == b"abc"
    assert read(BodyReader(ServiceOptions()), b"") == b""


def test_one_body_is_limited():
    reader = BodyReader(ServiceOptions(body_bytes=4))
    assert read(reader, b"ab", b"cd") == b"abcd"
    with pytest.raises(TooLargeError):
        read(reader, b"ab", b"cde")
    for length in (b"5", b"9" * 5000):
        with pytest.raises(TooLargeError):
            reader.check_headers({b"content-length": length})
    with pytest.raises(UnsupportedMediaTypeError):
        reader.check_headers({b"content-encoding": b"gzip"})


def test_all_bodies_together_are_limited_until_they_are_closed():
    reader = BodyReader(ServiceOptions(body_bytes=4, all_bodies_bytes=6))

    async def main():
        first, second = reader.spool(), reader.spool()
        await reader.read(arriving(b"abcd"), first)
        with pytest.raises(OverloadedError):
            await reader.read(arriving(b"abc"), second)
        first.close()
        second.close()
        await reader.read(arriving(b"abcd"), reader.spool())

    run(main)


def test_a_body_that_does_not_come_is_a_timeout():
    async def silent():
        await asyncio.Event().wait()

    reader = BodyReader(ServiceOptions(body_seconds=0.01))
    with pytest.raises(RequestTimeoutError):
        run(lambda: reader.read(silent, reader.spool()))


def test_a_client_that_disconnects_before_its_body_is_complete_is_refused():
    with pytest.raises(InvalidInputError, match="ended before"):
        read(BodyReader(ServiceOptions()), b"ab", None)


def test_a_stop_ends_the_wait_for_bodies():
    reader = BodyReader(ServiceOptions(body_seconds=3600))

    async def silent():
        await asyncio.Event().wait()

    async def main():
        waiting = asyncio.create_task(reader.read(silent, reader.spool()))
        await asyncio.sleep(0)
        reader.stop()
        with pytest.raises(NotReadyError):
            await waiting
        with pytest.raises(NotReadyError):
            await reader.read(silent, reader.spool())

    run(main)
