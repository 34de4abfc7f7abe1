"""Bodies of successful responses: JSON, or Arrow where the client accepts it."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
from fastapi import Request
from starlette.responses import Response

from ...store.errors import NotAcceptableError
from ..json_values import json_bytes

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"


def negotiate_format(request: Request) -> str:
    """`JSON` or `ARROW` by the Accept header, JSON where there is none. Raises NotAcceptableError."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")
    ]
    if ARROW in accepted:
        return ARROW
    if not any(accepted) or {JSON, "application/*", "*/*"} & set(accepted):
        return JSON
    raise NotAcceptableError(
        f"{', '.join(accepted)[:100]} is not available here", hint=f"accept {JSON} or {ARROW}"
    )


def json_response(value: Any) -> Response:
    """`value` as compact JSON."""
    return Response(json_bytes(value), media_type=JSON)


def arrow_response(table: pa.Table, media_type: str = ARROW) -> Response:
    """A table as an Arrow stream, or as the file format that LanceDB's client reads."""
    sink = io.BytesIO()
    new = pa.ipc.new_stream if media_type == ARROW else pa.ipc.new_file
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue(), media_type=media_type)
