"""Errors as answers, in one place: `{"error": {"message", "hint", "status"}}`, never what is inside."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ...store.errors import AttribaseError

log = logging.getLogger("attribase.service")


class EndedError(Exception):
    """Not told by a handler: an answer whose head was handed on already, but cannot be sent."""


class BrokenOffError(EndedError):
    """The rest of an answer cannot be made; what was sent cannot be taken back, so the connection ends."""


class DoesNotFitError(EndedError):
    """Too many large answers are on their way; of this one nothing was sent yet."""


def problem(status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells an error."""
    body = {"error": {"message": message, "hint": hint, "status": status}}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")
    return Response(text, status, headers=dict(headers or {}), media_type="application/json")


def told(error: AttribaseError) -> Response:
    """The answer for one of our errors. Those of status 500 are ours, not the client's: log them."""
    if error.status == 500:
        log.error("%s", error, exc_info=error)
    return problem(error.status, str(error), error.hint, error.headers)


def install(app: FastAPI) -> None:
    """Give `app` the handlers: ours, the framework's, and one for what should not happen."""

    @app.exception_handler(AttribaseError)
    async def ours(_: Request, error: AttribaseError) -> Response:
        return told(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return problem(422, described(list(error.errors())), "the parameters are described at /docs")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem(404, f"there is nothing at {request.url.path[:200]}", "all addresses are at /docs")
        if error.status_code == 405:
            message = f"{request.method} is not allowed at {request.url.path[:200]}"
            return problem(405, message, "all addresses are at /docs", error.headers)
        return problem(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        if not isinstance(error, EndedError):
            log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "the service failed to answer", "its log says why; please report it")


def described(errors: list[dict[str, object]]) -> str:
    """The first validation errors in one line: where, and what is wrong. Nothing of the input itself."""
    lines = []
    for error in errors[:3]:
        place = error.get("loc") or ()
        names = (
            [str(part) for part in place if part not in ("body", "query")] if isinstance(place, tuple) else []
        )
        where = ".".join(names)
        said = str(error["msg"]).removeprefix("Value error, ")
        lines.append(f"{where}: {said}" if where else said)
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return "; ".join(lines) + more
