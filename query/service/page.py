"""The page at /, its files, and the description of the addresses at /docs: nothing from another host."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from ...store.errors import NotFoundError

HERE = Path(__file__).parent
WEB, REFERENCE = HERE / "web", HERE / "reference"
REVALIDATED = {"cache-control": "no-cache"}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """The page."""
    return _html(WEB / "index.html")


@router.get("/docs")
async def docs() -> Response:
    """All addresses, drawn from /openapi.json."""
    return _html(REFERENCE / "index.html")


@router.get("/favicon.ico")
async def favicon() -> Response:
    """The page's icon, where it has one."""
    icon = WEB / "favicon.svg"
    return FileResponse(icon) if icon.exists() else Response(status_code=204)


def mount(app: FastAPI) -> None:
    """The files beside the two pages."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=WEB, check_dir=False), name="static")
    app.mount("/docs", StaticFiles(directory=REFERENCE, check_dir=False), name="reference")


def _html(path: Path) -> Response:
    if not path.exists():
        raise NotFoundError("there is no page here", hint="all addresses are at /docs")
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=REVALIDATED)
