"""GET /healthz, /readyz and /metrics: for what watches over the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from ....store.errors import NotFoundError
from ..responses import json_response
from ..service import Service, the_service

router = APIRouter()


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> Response:
    """Always, while it does."""
    return json_response({"status": "ok"})


@router.get("/readyz", summary="Whether questions can be answered")
async def readyz(service: Annotated[Service, Depends(the_service)]) -> Response:
    """Once there is a snapshot; 503 before, and after the service was asked to stop."""
    return json_response({"status": "ready", "version": service.snapshot.version})


@router.get("/metrics", summary="Numbers for Prometheus")
async def prometheus(service: Annotated[Service, Depends(the_service)]) -> Response:
    """Requests, latencies by route, what is in flight, which snapshot is served."""
    return Response(service.telemetry.text(), headers={"content-type": CONTENT_TYPE_LATEST})


HERE = Path(__file__).parents[1]
WEB, REFERENCE = HERE / "web", HERE / "reference"
REVALIDATED = {"cache-control": "no-cache"}

page_router = APIRouter(include_in_schema=False)


@page_router.get("/")
async def page() -> Response:
    """The page."""
    return _html(WEB / "index.html")


@page_router.get("/docs")
async def docs() -> Response:
    """All addresses, drawn from /openapi.json."""
    return _html(REFERENCE / "index.html")


@page_router.get("/favicon.ico")
async def favicon() -> Response:
    """The page's icon, where it has one."""
    icon = WEB / "favicon.svg"
    return FileResponse(icon) if icon.exists() else Response(status_code=204)


def mount(app: FastAPI) -> None:
    """The files beside the two pages."""
    app.include_router(page_router)
    app.mount("/static", StaticFiles(directory=WEB, check_dir=False), name="static")
    app.mount("/docs", StaticFiles(directory=REFERENCE, check_dir=False), name="reference")


def _html(path: Path) -> Response:
    if not path.exists():
        raise NotFoundError("there is no page here", hint="all addresses are at /docs")
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=REVALIDATED)
