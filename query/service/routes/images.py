"""GET /v1/images/{id} and /v1/samples/{id}: the stored bytes of an image, a thumbnail, or its row."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from ....store.errors import NotFoundError
from ....store.lookup import locate
from ....store.schema import ITEM_TABLES
from ...session import Snapshot
from ...thumbnails import make_thumbnail
from ..pictures import check_image_size
from ..responses import json_response
from ..service import Service, ServiceDep, open_dataset

router = APIRouter()

KEYS = {items.table: items.key for items in ITEM_TABLES.values()}
OPAQUE = "application/octet-stream"
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)

Id = Annotated[str, Path(min_length=1, max_length=200)]
Size = Annotated[
    int | None, Query(ge=16, le=1024, description="A thumbnail whose longer side is this, in pixels.")
]
Format = Annotated[Literal["bytes", "json"], Query(description="`json`: the row without the picture.")]


@router.get("/v1/images/{image_id}", summary="A stored training image")
async def image(
    request: Request,
    image_id: Id,
    service: ServiceDep,
    size: Size = None,
    format: Format = "bytes",  # noqa: A002
) -> Response:
    """Its bytes as they were stored, a thumbnail, or its row. 404 where it is only referenced."""
    if format == "json":
        return _row_response(service, "images", image_id)
    return _image_response(request, service, "images", image_id, size)


@router.get("/v1/samples/{sample_id}", summary="A stored generated image")
async def sample(
    request: Request,
    sample_id: Id,
    service: ServiceDep,
    size: Size = None,
    format: Format = "bytes",  # noqa: A002
) -> Response:
    """Its bytes as they were stored, a thumbnail, or its row. 404 where there are no bytes."""
    if format == "json":
        return _row_response(service, "samples", sample_id)
    return _image_response(request, service, "samples", sample_id, size)


def _row_response(service: Service, table: str, item_id: str) -> Response:
    return json_response(read_row(service.snapshot, table, item_id))


def _image_response(
    request: Request, service: Service, table: str, item_id: str, size: int | None
) -> Response:
    snapshot = service.snapshot
    # An id is a hash of the bytes (or of what determines a sample): the bytes of an id never change.
    name = item_id.encode("ascii", "replace").decode().replace('"', "")
    etag = f'"{name}-{size or "whole"}"'
    headers = {"etag": etag, "cache-control": "private, max-age=31536000, immutable"}
    if etag in [part.strip() for part in request.headers.get("if-none-match", "").split(",")]:
        read_row(snapshot, table, item_id)  # 404 where it was removed
        return Response(status_code=304, headers=headers)
    if size is None:
        data, kind = _read_image(snapshot, table, item_id)
    else:
        data, kind = _thumbnail(service, snapshot, (table, item_id, size))
    if kind == OPAQUE:
        headers["content-disposition"] = "attachment"
    return Response(data, headers=headers, media_type=kind)


def read_row(snapshot: Snapshot, table: str, item_id: str) -> dict[str, Any]:
    """The row of one item without its bytes. Raises NotFoundError."""
    names = [name for name in open_dataset(snapshot, table).schema.names if name != "bytes"]
    rows = snapshot.finder(table, KEYS[table]).rows([item_id], names).to_pylist()
    if not rows:
        raise _not_found(table)
    row: dict[str, Any] = rows[0]
    if table == "images":
        members = snapshot.finder("members", "image_id").rows([item_id], ["collection"])
        row["collections"] = sorted(members["collection"].to_pylist())
    return row


def _read_image(snapshot: Snapshot, table: str, item_id: str) -> tuple[bytes, str]:
    """The bytes as stored and their content type. Raises NotFoundError."""
    try:
        ((_, data),) = locate(table, open_dataset(snapshot, table), "bytes", [item_id]).read([item_id])
    except NotFoundError:
        raise _not_found(table) from None
    if data is None:
        uri = read_row(snapshot, table, item_id)["uri"]
        raise NotFoundError(
            f"the store only references this {table[:-1]}: it has no bytes of it", hint=f"its uri is {uri}"
        )
    return data, image_media_type(data)


def _thumbnail(service: Service, snapshot: Snapshot, key: tuple[str, str, int]) -> tuple[bytes, str]:
    """The thumbnail of (table, item id, size) and its content type.

    Raises NotFoundError, TooLargeError, and DataError for bytes that are no image.
    """

    def make() -> tuple[bytes, str]:
        table, item_id, size = key
        data, _ = _read_image(snapshot, table, item_id)
        check_image_size(data, service.options.pixels)
        return make_thumbnail(data, size, service.options.pixels)

    return service.thumbnails.get(key, make)


def _not_found(table: str) -> NotFoundError:
    return NotFoundError(f"the store has no such {table[:-1]}", hint="ids are in /v1/samples and in answers")


def image_media_type(data: bytes) -> str:
    """The content type by the first bytes: only raster formats, which cannot hold scripts; else OPAQUE."""
    for signature, kind in SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if data[4:12] in (b"ftypavif", b"ftypavis") else OPAQUE
