"""Errors as HTTP responses, in one place: `{"error": {"message", "hint", "status"}}` and nothing internal.

The errors themselves are in `store/errors.py`, each with its status and headers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ...store.damage import explain
from ...store.errors import AttribaseError
from ...store.extras import missing_extra
from ...store.storage_errors import is_storage_error
from .wording import http_words

log = logging.getLogger("attribase.service")

SHOWN_VALIDATION_ERRORS = 3


def error_response(error: AttribaseError) -> Response:
    """The response for one of our errors. Status 500 is a fault of the service, so it is logged."""
    if error.status == 500:
        log.error("%s", error, exc_info=error)
    return json_error(error.status, str(error), http_words(error.hint), error.headers)


def json_error(
    status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """A response with the JSON body that all errors have."""
    body = {"error": {"message": message, "hint": hint, "status": status}}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")
    return Response(text, status, headers=dict(headers or {}), media_type="application/json")


def format_validation_errors(errors: list[dict[str, object]]) -> str:
    """The first errors of a pydantic validation in one line: `field: message`. The input is not repeated."""
    lines = []
    for error in errors[:SHOWN_VALIDATION_ERRORS]:
        location = error.get("loc")
        parts = location if isinstance(location, tuple) else ()
        field = ".".join(str(part) for part in parts if part not in ("body", "query"))
        message = str(error["msg"]).removeprefix("Value error, ")
        lines.append(f"{field}: {message}" if field else message)
    more = len(errors) - SHOWN_VALIDATION_ERRORS
    return "; ".join(lines) + (f" (and {more} more)" if more > 0 else "")


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer our errors, the framework's, and unexpected exceptions with the same JSON body."""

    @app.exception_handler(AttribaseError)
    async def handle_attribase_error(_: Request, error: AttribaseError) -> Response:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def handle_validation_error(_: Request, error: RequestValidationError) -> Response:
        message = format_validation_errors(list(error.errors()))
        return json_error(422, message, "the parameters are described at /docs")

    @app.exception_handler(HTTPException)
    async def handle_http_exception(request: Request, error: HTTPException) -> Response:
        path = request.url.path[:200]
        if error.status_code == 404:
            return json_error(404, f"there is nothing at {path}", "all addresses are at /docs")
        if error.status_code == 405:
            message = f"{request.method} is not allowed at {path}"
            return json_error(405, message, "all addresses are at /docs", error.headers)
        return json_error(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def handle_unexpected(request: Request, error: Exception) -> Response:
        if missing := missing_extra(error):
            return error_response(missing)
        if is_storage_error(error):
            return storage_error(error, request.app.state.service.store.uri)
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return json_error(500, "the service failed to answer", "its log says why; please report it")


def storage_error(error: BaseException, uri: str) -> Response:
    """The response where a file of the store at `uri` cannot be read. Only the log names the file."""
    explained = explain(error, uri)
    log.error("%s; %s", explained or error, explained.hint if explained else "")
    return json_error(500, "the store cannot be read", "its operator finds the damaged file: attribase check")
