"""POST /v1/sql: one read-only statement, its rows sent as they come, stopped when the client disconnects."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from fastapi import APIRouter, Request
from starlette.responses import Response

from ....store.errors import ForbiddenError, InvalidInputError
from ...json_values import json_bytes
from ...sql.python_values import python_rows
from ..responses import ARROW, JSON, negotiate_format
from ..schemas import SqlBody, openapi_body, read_json
from ..service import ServiceDep
from ..streaming import stream_response

if TYPE_CHECKING:
    from ...sql.sandbox import SqlRows

router = APIRouter()

CHUNK_BYTES = 64 << 10
"""JSON is sent in chunks of at least this size."""


@router.post(
    "/v1/sql", openapi_extra=openapi_body(SqlBody), summary="Run one SELECT over all tables and views"
)
async def sql(request: Request, service: ServiceDep) -> Response:
    """`{columns, types, rows, truncated}`, or an Arrow stream by `Accept`.

    In an Arrow stream that was cut, the last batch is empty and its metadata says `truncated`. A statement
    that fails after rows were sent ends the answer in the middle.
    """
    pool = service.sql
    if pool is None:
        raise ForbiddenError("this service answers no SQL", hint="it was started with --no-sql")
    fmt = negotiate_format(request)
    body = await read_json(request, SqlBody)
    if not _all_finite(body.params):
        raise InvalidInputError("a parameter is NaN or infinite", hint="send null, or text and a cast")
    write = _write_arrow if fmt == ARROW else _write_json

    def run_statement(disconnected: threading.Event) -> Generator[bytes, None, None]:
        with pool.run(body.sql, body.params, max_rows=body.max_rows, cancelled=disconnected.is_set) as rows:
            yield from write(rows)

    return await stream_response(request, service.sql_threads, run_statement, ARROW if fmt == ARROW else JSON)


def _all_finite(value: Any) -> bool:
    """Whether all numbers inside are finite."""
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    if isinstance(value, list):
        return all(map(_all_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _write_json(rows: SqlRows) -> Generator[bytes, None, None]:
    """The JSON object in chunks."""
    head = {"columns": rows.schema.names, "types": [str(field.type) for field in rows.schema]}
    buffer = [json_bytes(head)[:-1] + b',"rows":[']
    size, first = 0, True
    for batch in rows:
        for row in python_rows(batch):
            buffer.append(json_bytes(row) if first else b"," + json_bytes(row))
            first, size = False, size + len(buffer[-1])
            if size >= CHUNK_BYTES:
                yield b"".join(buffer)
                buffer, size = [], 0
    buffer.append(b'],"truncated":' + (b"true}" if rows.truncated else b"false}"))
    yield b"".join(buffer)


def _write_arrow(rows: SqlRows) -> Generator[bytes, None, None]:
    """An Arrow stream, a chunk a batch."""
    sink = io.BytesIO()

    def drain() -> bytes:
        chunk = sink.getvalue()
        sink.seek(0)
        sink.truncate()
        return chunk

    with pa.ipc.new_stream(sink, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
            yield drain()
        if rows.truncated:
            empty = pa.RecordBatch.from_pylist([], rows.schema)
            writer.write_batch(empty, custom_metadata={"truncated": "true"})
    yield drain()
