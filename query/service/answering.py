"""A worker of the service: one FastAPI application over one store, which answers one request at a time."""

from __future__ import annotations

import asyncio
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import Message, Scope

from ...store.errors import AttribaseError, TooLargeError
from ...store.layout import software_version
from ...store.storage_errors import is_storage_error
from ..workers import MB, Output, serve
from . import lancedb
from .errors import error_response, install_error_handlers, storage_error
from .evidence import PackMaker
from .lancedb.schemas import CountBody, QueryBody
from .logs import REQUEST_ID, begin_request, configure_logging
from .options import ServiceOptions
from .routes import attribute, browse, dataset, evidence, images, site, sql, store_map, usage
from .schemas import SCHEMA_REF, AttributeBody, SqlBody
from .service import Service

DESCRIPTION = (
    "Which training images made this picture, how much did each contribute, and can that be trusted."
)
ROUTERS: tuple[APIRouter, ...] = (
    attribute.router,
    evidence.router,
    browse.router,
    dataset.router,
    store_map.router,
    usage.router,
    images.router,
    sql.router,
    lancedb.router,
)
BODIES = (AttributeBody, SqlBody, CountBody, QueryBody)
"""Bodies that routes read themselves, so that FastAPI does not describe them."""


def answer_requests(
    pipe: Connection, uri: str, options: ServiceOptions, packs: PackMaker | None = None
) -> None:
    """The main function of a worker."""
    configure_logging(options)
    serve(pipe, partial(RequestHandler, uri, options, packs))


class RequestHandler:
    """Passes requests to the application. See `workers.Handler`."""

    def __init__(self, uri: str, options: ServiceOptions, packs: PackMaker | None = None) -> None:
        """Opens the store and prepares what most requests need. Raises NotFoundError."""
        self.service = Service(uri, options, packs)
        self.service.warm_up()
        self._app = answering_app(self.service)
        self._loop = asyncio.new_event_loop()

    def describe(self) -> dict[str, Any]:
        """The version of the store that it has open, and when it looked for a newer one."""
        return {"version": self.service.snapshot.version, "checked": self.service.checked}

    def limit(self, memory: int) -> None:
        """Open the sandbox of SQL with a part of the memory."""
        self.service.open_sandbox(memory)

    def cancel(self) -> None:
        """Stop a statement that runs."""
        self.service.cancel()

    def answer(self, fields: dict[str, Any], body: bytes, out: Output) -> dict[str, Any]:
        """Answer an HTTP request; without a `path`, only look for new data."""
        begin_request(dict(fields.get("headers", [])).get(REQUEST_ID.decode(), ""))
        self.service.begin()
        if "path" in fields:
            self._loop.run_until_complete(self._respond(fields, body, out))
        return self.describe()

    async def _respond(self, fields: dict[str, Any], body: bytes, out: Output) -> None:
        sender = _ResponseSender(out, self.service.options.answer_bytes)
        message = {"type": "http.request", "body": body, "more_body": False}

        async def receive() -> Message:
            return message

        scope = http_scope(fields)
        try:
            await self._app(scope, receive, sender.send)
        except MemoryError:
            raise
        except Exception:  # the application has answered with 500, and logged it
            if not sender.begun:
                raise
        except BaseException as panic:  # Lance panics on some damaged files
            if not is_storage_error(panic):
                raise
            await storage_error(panic, self.service.store.uri)(scope, receive, sender.send)
        if sender.refused is not None:
            error, sender = sender.refused, _ResponseSender(out, MB)
            await error_response(error)(scope, receive, sender.send)


class _ResponseSender:
    """Sends an ASGI response through an output, as long as it is not too large."""

    def __init__(self, out: Output, limit: int) -> None:
        self._out, self._limit, self._size = out, limit, 0
        self.begun = False
        self.refused: AttribaseError | None = None

    async def send(self, message: Message) -> None:
        """As ASGI's `send`. A response may be begun again: what was sent of it before is dropped."""
        if message["type"] == "http.response.start":
            headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
                if name != b"content-length"
            ]
            self._out.begin(status=message["status"], headers=headers)
            self._size, self.begun = 0, True
        elif self.refused is None and (body := message.get("body", b"")):
            self._size += len(body)
            if self._size > self._limit:
                self.refused = TooLargeError(
                    f"more than {self._limit >> 20} MB in one answer", hint="ask for fewer rows or columns"
                )
            else:
                self._out.write(body)


def http_scope(fields: dict[str, Any]) -> Scope:
    """The ASGI scope of a request that came as `method`, `path`, `query` and `headers`."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "root_path": "",
        "method": fields["method"],
        "path": fields["path"],
        "raw_path": fields["path"].encode(),
        "query_string": fields["query"].encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields["headers"]],
    }


def answering_app(service: Service) -> FastAPI:
    """The application of a worker: every address under /v1, and the description of all addresses."""
    app = FastAPI(
        title="Attribase",
        version=software_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.service = service
    install_error_handlers(app)
    for router in (*ROUTERS, site.router):
        app.include_router(router)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, made once, with BODIES and how to send the token."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for model in BODIES:
            schema = model.model_json_schema(ref_template=SCHEMA_REF)
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        }
        document["security"] = [{"bearer": []}, {"key": []}]
        app.openapi_schema = document
    return app.openapi_schema
