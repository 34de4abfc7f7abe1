"""The application: every address, inside what guards them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from . import errors, lancedb, schemas
from .lancedb.schemas import CountBody, QueryBody
from .middleware import Gate, Measured, SafeHeaders
from .options import ServiceOptions
from .routes import attribute, browse, images, site, sql
from .schemas import AttributeBody, SqlBody
from .service import Service
from .size_limits import Limits

ABOUT = "Which training images made this picture, how much did each contribute, and can that be trusted."


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
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.service = service
    errors.install(app)
    for part in (attribute, browse, images, sql, lancedb, site):
        app.include_router(part.router)
    site.mount(app)
    schemas.describe(app, (AttributeBody, SqlBody, CountBody, QueryBody))
    # The last one added is the outermost.
    app.add_middleware(Gate, options=options)
    app.add_middleware(Limits, options=options)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Measured, telemetry=service.telemetry)
    return app


def _version() -> str:
    try:
        return version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
