"""GET /v1/map: the points of a map of images and samples, as `attribase query map` stored them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from ..map_points import MapChoice, read_map
from ..replies import Reply, replies
from ..responses import json_response
from ..service import ServiceDep

router = APIRouter()

MOST_POINTS = 200_000


class MapAbout(Reply):
    """A map: of which features, when, and of how many points out of all images and samples with a vector."""

    map_id: str
    encoder: str
    mapper: str
    created: str
    points: int
    images: int
    samples: int


class MapPoints(MapAbout):
    """A map with its points, as columns of equal length.

    `item_id`, `x`, `y`, `label` are lists; `kind` and the fields of images are `{values, codes}`: `codes` has
    the place in `values` of each point, or -1. Where `shown` is less than `points`, evenly chosen ones.
    """

    shown: int
    columns: dict[str, Any]


class MapReply(Reply):
    """The newest maps of all encoders and mappers, and the one asked for; null where there is none."""

    maps: list[MapAbout]
    map: MapPoints | None


@router.get("/v1/map", responses=replies(MapReply), summary="The points of a map of the store")
async def points(
    service: ServiceDep,
    encoder: Annotated[str | None, Query(max_length=200)] = None,
    mapper: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_POINTS, description="Points, at most.")] = 50_000,
) -> Response:
    """The newest map of the encoder and mapper; of those that answer questions where none is named."""
    return json_response(read_map(service.snapshot, MapChoice(encoder, mapper, limit)))
