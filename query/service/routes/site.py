"""Everything beside /v1: the web page, the description of all addresses, health, and Prometheus metrics."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from ...attribution.state import STATES
from ...attribution.words import WORDS
from ..front import Front
from ..responses import json_response

SERVICE_FOLDER = Path(__file__).parents[1]
WEB, REFERENCE = SERVICE_FOLDER / "web", SERVICE_FOLDER / "reference"
SWAGGER_UI = ("fastapi_offline", "static")
"""The package, and its folder, that ships Swagger UI, so that no other host is contacted."""

router = APIRouter()
page_router = APIRouter(include_in_schema=False)


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> Response:
    """Always, while it does."""
    return json_response({"status": "ok"})


@router.get("/readyz", summary="Whether questions can be answered")
async def readyz(request: Request) -> Response:
    """Once the workers are ready; 503 before, and when the service stops."""
    front: Front = request.app.state.front
    return json_response({"status": "ready", "version": front.check_ready()})


@router.get("/metrics", summary="Numbers for Prometheus")
async def prometheus(request: Request) -> Response:
    """Requests, latencies by route, what is in flight, memory, which snapshot is served."""
    front: Front = request.app.state.front
    return Response(front.telemetry.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})


@page_router.get("/")
async def page() -> Response:
    """The web page."""
    return _html(WEB)


@page_router.get("/docs")
async def docs() -> Response:
    """All addresses, drawn from /openapi.json by Swagger UI."""
    return _html(REFERENCE)


@page_router.get("/favicon.ico")
async def favicon() -> Response:
    """The icon of the page, where browsers look for it by default."""
    return _WholeFile(WEB / "favicon.svg")


@page_router.get("/static/words.json")
async def words() -> Response:
    """What the page explains: its words, and the states of an answer."""
    return json_response({"words": {key: word._asdict() for key, word in WORDS.items()}, "states": STATES})


def mount_pages(app: FastAPI) -> None:
    """Serve the two pages and their files."""
    app.include_router(page_router)
    app.mount("/static", _WholeFiles(directory=WEB), name="static")
    app.mount("/docs", _WholeFiles(directory=REFERENCE, packages=[SWAGGER_UI]), name="reference")


def _without_range(scope: Scope) -> Scope:
    """A request for a whole file: these are small, and Starlette answers a wrong Range in plain text."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return {**scope, "headers": headers}


class _WholeFile(FileResponse):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(_without_range(scope), receive, send)


class _WholeFiles(StaticFiles):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(_without_range(scope), receive, send)


def _html(folder: Path) -> Response:
    return _WholeFile(
        folder / "index.html", media_type="text/html; charset=utf-8", headers={"cache-control": "no-cache"}
    )
