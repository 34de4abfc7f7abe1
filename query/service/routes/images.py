"""GET /v1/images/{id} and /v1/samples/{id}: the picture, a thumbnail of it, or its row."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ....store.errors import NotFoundError
from ....store.lookup import locate
from ....store.schema import ITEM_TABLES
from ...session import Snapshot
from ..responses import json_response
from ..service import Service, dataset_of, the_service
from ..thumbnails import shrunk

router = APIRouter()

KEYS = {items.table: items.key for items in ITEM_TABLES.values()}
OPAQUE = "application/octet-stream"

Id = Annotated[str, Path(min_length=1, max_length=200)]
Size = Annotated[
    int | None, Query(ge=16, le=1024, description="A thumbnail whose longer side is this, in pixels.")
]
Format = Annotated[Literal["bytes", "json"], Query(description="`json`: the row without the picture.")]


@router.get("/v1/images/{image_id}", summary="A stored training image")
async def image(
    request: Request,
    image_id: Id,
    service: Annotated[Service, Depends(the_service)],
    size: Size = None,
    format: Format = "bytes",  # noqa: A002
) -> Response:
    """Its bytes as they were stored, a thumbnail, or its row. 404 where it is only referenced."""
    return await _picture(request, service, "images", image_id, size, format)


@router.get("/v1/samples/{sample_id}", summary="A stored generated image")
async def sample(
    request: Request,
    sample_id: Id,
    service: Annotated[Service, Depends(the_service)],
    size: Size = None,
    format: Format = "bytes",  # noqa: A002
) -> Response:
    """Its bytes as they were stored, a thumbnail, or its row. 404 where there are no bytes."""
    return await _picture(request, service, "samples", sample_id, size, format)


async def _picture(
    request: Request, service: Service, table: str, item: str, size: int | None, fmt: str
) -> Response:
    snapshot = service.snapshot
    if fmt == "json":
        return json_response(await service.files.run(row_of, snapshot, table, item))
    # An id names its content (or, of a sample, what determines it): bytes of an id never change.
    tag = f'"{item.encode("ascii", "replace").decode().replace(chr(34), "")}-{size or "whole"}"'
    headers = {"etag": tag, "cache-control": "private, max-age=31536000, immutable"}
    if tag in [part.strip() for part in request.headers.get("if-none-match", "").split(",")]:
        await service.files.run(row_of, snapshot, table, item)  # it may have gone
        return Response(status_code=304, headers=headers)
    if size is None:
        data, kind = await service.files.run(_whole, snapshot, table, item)
    else:
        data, kind = await service.files.run(_thumbnail, service, snapshot, table, item, size)
    if kind == OPAQUE:
        headers["content-disposition"] = "attachment"
    return Response(data, headers=headers, media_type=kind)


def row_of(snapshot: Snapshot, table: str, item: str) -> dict[str, Any]:
    """The row of one item without its bytes. Raises NotFoundError."""
    names = [name for name in dataset_of(snapshot, table).schema.names if name != "bytes"]
    rows = snapshot.finder(table, KEYS[table]).rows([item], names).to_pylist()
    if not rows:
        raise _unknown(table)
    found: dict[str, Any] = rows[0]
    if table == "images":
        members = snapshot.finder("members", "image_id").rows([item], ["collection"])
        found["collections"] = sorted(members["collection"].to_pylist())
    return found


def _unknown(table: str) -> NotFoundError:
    return NotFoundError(f"the store has no such {table[:-1]}", hint="ids are in /v1/samples and in answers")


def _whole(snapshot: Snapshot, table: str, item: str) -> tuple[bytes, str]:
    """The picture as stored and its content type. Raises NotFoundError."""
    try:
        ((_, data),) = locate(table, dataset_of(snapshot, table), "bytes", [item]).read([item])
    except NotFoundError:
        raise _unknown(table) from None
    if data is None:
        uri = row_of(snapshot, table, item)["uri"]
        raise NotFoundError(
            f"the store only references this {table[:-1]}: it has no bytes of it", hint=f"its uri is {uri}"
        )
    return data, sniffed(data)


def _thumbnail(service: Service, snapshot: Snapshot, table: str, item: str, size: int) -> tuple[bytes, str]:
    """A thumbnail and its content type. Raises NotFoundError, TooLargeError, DataError."""
    key = (table, item, size)
    made = service.thumbnails.get(key)
    if made is None:
        data, _ = _whole(snapshot, table, item)
        made = shrunk(data, size, service.options.pixels)
        service.thumbnails.keep(key, made)
    return made


def sniffed(data: bytes) -> str:
    """The content type by the first bytes: only of pictures, and only of kinds that cannot hold scripts."""
    for start, kind in (
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
    ):
        if data.startswith(start):
            return f"image/{kind}"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "image/tiff"
    return OPAQUE
