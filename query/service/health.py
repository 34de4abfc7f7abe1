"""GET /healthz, /readyz and /metrics: for what watches over the service."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from .formats import json_response
from .service import Service, the_service

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
