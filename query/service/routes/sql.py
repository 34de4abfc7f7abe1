"""POST /v1/sql: one read-only statement, its rows sent while they come, stopped when the client leaves."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ....store.errors import ForbiddenError, InvalidInputError
from ...json_values import json_bytes
from ...sql.formats import python_rows
from ..responses import ARROW, JSON, streamed, wanted_format
from ..schemas import SqlBody, body_of, read_json
from ..service import Service, the_service

if TYPE_CHECKING:
    from ...sql.sandbox import SqlRows

router = APIRouter()

PIECE = 64 << 10  # bytes of JSON sent at once


@router.post("/v1/sql", openapi_extra=body_of(SqlBody), summary="Run one SELECT over all tables and views")
async def sql(request: Request, service: Annotated[Service, Depends(the_service)]) -> Response:
    """`{columns, types, rows, truncated}`, or an Arrow stream by `Accept`.

    In an Arrow stream that was cut, the last batch is empty and its metadata says `truncated`. A statement
    that fails after rows were sent ends the answer in the middle.
    """
    pool = service.sql
    if pool is None:
        raise ForbiddenError("this service answers no SQL", hint="it was started with --no-sql")
    fmt = wanted_format(request)
    body = await read_json(request, SqlBody)
    if not _sendable(body.params):
        raise InvalidInputError("a parameter is NaN or infinite", hint="send null, or text and a cast")
    write = _arrow if fmt == ARROW else _json

    def pieces(gone: threading.Event) -> Iterator[bytes]:
        rows = pool.run(body.sql, body.params, max_rows=body.max_rows, cancelled=gone.is_set)
        with rows:
            yield from write(rows)

    return await streamed(request, service.statements, pieces, ARROW if fmt == ARROW else JSON)


def _sendable(value: Any) -> bool:
    """Whether all numbers inside are finite."""
    if isinstance(value, dict):
        return all(map(_sendable, value.values()))
    if isinstance(value, list):
        return all(map(_sendable, value))
    return not isinstance(value, float) or math.isfinite(value)


def _json(rows: SqlRows) -> Iterator[bytes]:
    """The object in pieces; what is not finite becomes null."""
    head = {"columns": rows.schema.names, "types": [str(field.type) for field in rows.schema]}
    held = [json_bytes(head)[:-1] + b',"rows":[']
    size, first = 0, True
    for batch in rows:
        for row in python_rows(batch):
            held.append(json_bytes(row) if first else b"," + json_bytes(row))
            first, size = False, size + len(held[-1])
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
    held.append(b'],"truncated":' + (b"true}" if rows.truncated else b"false}"))
    yield b"".join(held)


def _arrow(rows: SqlRows) -> Iterator[bytes]:
    """An Arrow stream, a piece a batch."""
    sink = io.BytesIO()

    def taken() -> bytes:
        piece = sink.getvalue()
        sink.seek(0)
        sink.truncate()
        return piece

    with pa.ipc.new_stream(sink, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
            yield taken()
        if rows.truncated:
            empty = pa.RecordBatch.from_pylist([], rows.schema)
            writer.write_batch(empty, custom_metadata={"truncated": "true"})
    yield taken()
