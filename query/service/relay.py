"""What the process that holds the port does with a request: hand it to a worker, and pass the answer on.

It parses, decodes and converts nothing that a client sized: it sees bytes, and counts them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from ...store.errors import NotFoundError
from ..workers import WorkerPool, WorkerRequest
from .bodies import BodyReader
from .logs import REQUEST_ID
from .options import HEAVY, SQL_LANE, ServiceOptions
from .spool import Spool, SpoolBudget

HEADERS = (b"accept", b"content-type", b"if-none-match", REQUEST_ID)
"""Request headers that a worker sees."""

LIGHT_BYTES = 32 << 10
"""A JSON body up to this size is light: it holds no picture worth the name, and few vectors."""

SQL, EVIDENCE = "/v1/sql", "/v1/evidence"
HEAVY_PATHS = (SQL, EVIDENCE, "/v1/usage")
"""What may take long, however small its body is."""

OVERRUN_SECONDS = 2.0  # over its time that a statement may take to stop by itself

log = logging.getLogger("attribase.service")


class Relay:
    """The ASGI application behind every address that workers answer."""

    def __init__(
        self, pool: WorkerPool, bodies: BodyReader, options: ServiceOptions, routes: list[BaseRoute]
    ) -> None:
        """`routes`: of the workers; here they only name requests in the metrics."""
        self._pool, self._bodies, self._options, self._routes = pool, bodies, options, routes
        self._answers = SpoolBudget(options.all_answers_bytes, "answers")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises AttribaseError as long as nothing was sent."""
        if not (scope["path"].startswith("/v1/") or scope["path"] == "/openapi.json"):
            path = scope["path"][:200]
            raise NotFoundError(f"there is nothing at {path}", hint="all addresses are at /docs")
        self._name_route(scope)
        headers = dict(scope["headers"])
        self._bodies.check_headers(headers)
        body, answer = self._bodies.spool(), Spool(self._answers)
        try:
            await self._bodies.read(receive, body)
            await self._answer(self._request(scope, headers, body, answer), receive)
            body.close()
            await self._send(answer, send)
        finally:
            body.close()
            answer.close()

    def _name_route(self, scope: Scope) -> None:
        for route in self._routes:
            match, _ = route.matches(scope)
            if match != Match.NONE:
                scope["route"] = route
                return

    def _request(
        self, scope: Scope, headers: Mapping[bytes, bytes], body: Spool, answer: Spool
    ) -> WorkerRequest:
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "headers": [
                (name.decode("latin-1"), headers[name].decode("latin-1"))
                for name in HEADERS
                if name in headers
            ],
        }
        of_sql = scope["path"] == SQL
        seconds = {SQL: self._options.sql_seconds, EVIDENCE: self._options.evidence_seconds}
        json = headers.get(b"content-type", b"").startswith(b"application/json")
        heavy = scope["path"] in HEAVY_PATHS or (body.size > 0 and not (json and body.size <= LIGHT_BYTES))
        return WorkerRequest(
            fields,
            answer,
            seconds.get(scope["path"], self._options.seconds),
            body=body,
            lane=SQL_LANE if of_sql else HEAVY if heavy else "",
            overrun=OVERRUN_SECONDS if of_sql else 0.0,
            repeatable=True,
        )

    async def _answer(self, request: WorkerRequest, receive: Receive) -> dict[str, Any]:
        """Wait for the end of a request, which comes soon where the client disconnects."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        left = asyncio.create_task(_until_disconnected(receive))
        stopped = False
        request.cancelled = lambda: stopped or left.done()
        request.ended.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
        try:
            self._pool.submit(request)
            await ended.wait()
        finally:
            stopped = True
            left.cancel()
        return request.ended.result()

    async def _send(self, answer: Spool, send: Send) -> None:
        """Send an answer, as fast as the client takes it. One that takes it too slowly is disconnected."""
        seconds = self._options.send_seconds + answer.size / self._options.send_rate
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.head["headers"]
        ]
        headers.append((b"content-length", str(answer.size).encode()))
        try:
            async with asyncio.timeout(seconds):
                await send(
                    {"type": "http.response.start", "status": answer.head["status"], "headers": headers}
                )
                for data in answer:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:  # uvicorn closes the connection of a response that is not complete
            log.warning("a client took more than %.0f seconds to take an answer", seconds)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
