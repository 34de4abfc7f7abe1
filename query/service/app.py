"""The application that holds the port: it answers the page, health and metrics; workers answer the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI

from ...store import Store
from ..workers import WorkerPool
from .answering import ROUTERS, answer_requests
from .errors import install_error_handlers
from .evidence import PackMaker
from .front import Front
from .logs import AccessLog
from .methods import WholeResponses
from .options import HEAVY, SQL_LANE, ServiceOptions
from .relay import Relay
from .routes import site
from .security import AccessControl, SecurityHeaders
from .telemetry import TelemetryMiddleware


def create_app(
    uri: str,
    options: ServiceOptions | None = None,
    pool: WorkerPool | None = None,
    packs: PackMaker | None = None,
) -> FastAPI:
    """The service of the store at `uri`.

    Its workers are started when the application starts, and ended when it ends; `app.state.front.open()`
    starts them before. `pool`: other workers than those that `make_pool` makes; `packs`: what signs evidence.

    Raises NotFoundError when there is no store.
    """
    options = options or ServiceOptions()
    front = Front(options, pool or make_pool(uri, options, packs))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with front.running():
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.front = front
    install_error_handlers(app)
    app.include_router(site.router)
    site.mount_pages(app)
    routes = [route for router in ROUTERS for route in router.routes]
    app.router.default = Relay(front.pool, front.bodies, options, routes)
    # The last one added is the outermost.
    app.add_middleware(AccessControl, options=options)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(TelemetryMiddleware, telemetry=front.telemetry)
    app.add_middleware(WholeResponses)
    app.add_middleware(AccessLog)
    return app


def make_pool(uri: str, options: ServiceOptions, packs: PackMaker | None = None) -> WorkerPool:
    """The workers of a service, not yet started. Raises NotFoundError when there is no store."""
    return WorkerPool(
        answer_requests,
        (Store.open(uri).uri, replace(options, token=None), packs),
        workers=options.workers,
        waiting=options.waiting,
        wait=options.wait_seconds,
        lanes={HEAVY: options.heavy, SQL_LANE: options.sql_workers or options.heavy},
        idle=options.refresh,
        idle_request={},
    )
