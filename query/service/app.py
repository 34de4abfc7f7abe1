"""The FastAPI application: all routes, the middleware around them, and their OpenAPI description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from . import lancedb
from .errors import install_error_handlers
from .lancedb.schemas import CountBody, QueryBody
from .options import ServiceOptions
from .routes import attribute, browse, images, site, sql
from .schemas import SCHEMA_REF, AttributeBody, SqlBody
from .security import AccessControl, SecurityHeaders
from .service import Service
from .size_limits import SizeLimits
from .telemetry import TelemetryMiddleware

DESCRIPTION = (
    "Which training images made this picture, how much did each contribute, and can that be trusted."
)
BODIES = (AttributeBody, SqlBody, CountBody, QueryBody)
"""Bodies that routes read themselves, so that FastAPI does not describe them."""


def create_app(uri: str, options: ServiceOptions | None = None) -> FastAPI:
    """The service of the store at `uri`.

    Raises NotFoundError when there is no store.
    """
    options = options or ServiceOptions()
    service = Service(uri, options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Attribase",
        version=_version(),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.service = service
    install_error_handlers(app)
    for part in (attribute, browse, images, sql, lancedb, site):
        app.include_router(part.router)
    site.mount_pages(app)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    # The last one added is the outermost.
    app.add_middleware(AccessControl, options=options)
    app.add_middleware(SizeLimits, options=options)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(TelemetryMiddleware, telemetry=service.telemetry)
    return app


def _version() -> str:
    try:
        return version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


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
