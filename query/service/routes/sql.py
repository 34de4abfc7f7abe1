"""POST /v1/sql: one read-only statement, stopped when the client disconnects."""

from __future__ import annotations

import io
import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from fastapi import APIRouter, Request
from starlette.responses import Response

from ....store.errors import ForbiddenError, InvalidInputError
from ..json_rows import write_csv, write_json
from ..replies import SqlReply, replies
from ..responses import ARROW, CSV, SlicedResponse, negotiate_format
from ..schemas import SqlBody, openapi_body, read_json
from ..service import ServiceDep

if TYPE_CHECKING:
    from ...sql.sandbox import LimitedRows

router = APIRouter()


@router.post(
    "/v1/sql",
    openapi_extra=openapi_body(SqlBody),
    responses=replies(SqlReply, tables=True),
    summary="Run one SELECT over all tables and views",
)
async def sql(request: Request, service: ServiceDep) -> Response:
    """`{columns, types, rows, truncated}`, or an Arrow stream or CSV by `Accept`.

    In an Arrow stream that was cut, the last batch is empty and its metadata says `truncated`.
    """
    sandbox = service.sandbox
    if sandbox is None:
        raise ForbiddenError("this service answers no SQL", hint="it was started with --no-sql")
    fmt = negotiate_format(request)
    body = await read_json(request, SqlBody)
    if not _all_finite(body.params):
        raise InvalidInputError("a parameter is NaN or infinite", hint="send null, or text and a cast")

    def run_statement() -> Generator[bytes, None, None]:
        with sandbox.run(body.sql, body.params, body.max_rows, service.options.sql_seconds) as rows:
            if fmt == ARROW:
                yield from _write_arrow(rows)
            elif fmt == CSV:
                yield from write_csv(rows, service.options.answer_bytes, wanted=body.max_rows)
            else:
                yield from write_json(rows, service.options.answer_bytes)

    return SlicedResponse(run_statement(), fmt)


def _all_finite(value: Any) -> bool:
    """Whether all numbers inside are finite."""
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    if isinstance(value, list):
        return all(map(_all_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _write_arrow(rows: LimitedRows) -> Generator[bytes, None, None]:
    """An Arrow stream, a chunk a batch."""
    sink = io.BytesIO()

    def drain() -> bytes:
        chunk = sink.getvalue()
        sink.seek(0)
        sink.truncate()
        return chunk

    with pa.ipc.new_stream(sink, rows.schema) as writer:
        for batch in rows.batches:
            writer.write_batch(batch)
            yield drain()
        if rows.truncated:
            empty = pa.RecordBatch.from_pylist([], rows.schema)
            writer.write_batch(empty, custom_metadata={"truncated": "true"})
    yield drain()
