"""The application: every address, inside what guards them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from . import attribute, health, info, openapi, page, pictures, problems, samples, sql, tables
from .bodies import AttributeBody, SqlBody
from .gate import Gate
from .headers import SafeHeaders
from .limits import Limits
from .options import ServiceOptions
from .service import Service
from .tables.bodies import CountBody, QueryBody
from .telemetry import Measured

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
    problems.install(app)
    for part in (attribute, info, samples, pictures, sql, tables, health):
        app.include_router(part.router)
    page.mount(app)
    openapi.describe(app, (AttributeBody, SqlBody, CountBody, QueryBody))
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
