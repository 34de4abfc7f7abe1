"""What the service logs: a line for each request, its own start and stop, and faults; as text or as JSON.

A request keeps one id, in the header `x-request-id` of its response and in every line that is logged of it,
by its worker too. Tokens, query strings and bodies are never logged.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from time import perf_counter
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .options import ServiceOptions

REQUEST_ID = b"x-request-id"
"""The header of a request's id."""

USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids of clients that are kept; others are replaced."""

PATH_LENGTH = 200
CLIENT_DISCONNECTED = 499

access_log = logging.getLogger("attribase.access")
_request_id: ContextVar[str] = ContextVar("request_id", default="")


class RequestIds(logging.Filter):
    """Gives every record the id of the request that is being answered; empty where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add `request`, unless the record has one."""
        if not hasattr(record, "request"):
            record.request = _request_id.get()
        return True


class TextFormatter(logging.Formatter):
    """`time level message`, then the fields of the record as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback of a fault below it."""
        fields = {**getattr(record, "fields", {}), "request": getattr(record, "request", "")}
        values = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
        line = f"{_time(record)} {record.levelname.lower()} {record.getMessage()}"
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{line} {values}".rstrip() + trace


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the record's fields, `request`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in the record."""
        values: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if request := getattr(record, "request", ""):
            values["request"] = request
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json.dumps(values, ensure_ascii=True, default=str)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is when a line is written."""

    @property
    def stream(self) -> TextIO:
        """The standard error of this process."""
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """`StreamHandler` sets it once; it stays what it is."""


def configure_logging(options: ServiceOptions) -> None:
    """Log to stderr, in this process, what `options` ask for."""
    handler = StderrHandler()
    handler.addFilter(RequestIds())
    handler.setFormatter(JsonFormatter() if options.log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("attribase").setLevel(options.log_level.upper())


def begin_request(request_id: str) -> None:
    """From now on lines of this thread or task belong to this request."""
    _request_id.set(request_id)


class AccessLog:
    """ASGI middleware that gives each request an id, and logs it when its response is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(REQUEST_ID, b"").decode("latin-1")
        request_id = given if USABLE_ID.fullmatch(given) else uuid.uuid4().hex
        header = (REQUEST_ID, request_id.encode())
        scope = {**scope, "headers": [*(one for one in scope["headers"] if one[0] != REQUEST_ID), header]}
        status, size, began = CLIENT_DISCONNECTED, 0, perf_counter()

        async def send_and_count(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), header]}
            else:
                size += len(message.get("body", b""))
            await send(message)

        begin_request(request_id)
        try:
            await self.app(scope, receive, send_and_count)
        finally:
            fields = {
                "method": scope["method"][:20],
                "path": scope["path"][:PATH_LENGTH],
                "status": status,
                "bytes": size,
                "milliseconds": round(1000 * (perf_counter() - began), 1),
                "client": (scope.get("client") or ("",))[0],
            }
            access_log.info("request", extra={"fields": fields, "request": request_id})


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
