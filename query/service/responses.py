"""Bodies of successful responses: JSON, or Arrow or CSV where the client accepts it."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pyarrow as pa
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...store.errors import AttribaseError, NotAcceptableError
from ..json_values import json_bytes
from ..sql.formats import format_table
from .errors import error_response

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
ARROW_FILE = "application/vnd.apache.arrow.file"


def negotiate_format(request: Request) -> str:
    """`JSON`, `ARROW` or `CSV` by the Accept header, JSON where there is none. Raises NotAcceptableError."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")
    ]
    for kind in (ARROW, CSV):
        if kind in accepted:
            return kind
    if not any(accepted) or {JSON, "application/*", "*/*"} & set(accepted):
        return JSON
    raise NotAcceptableError(
        f"{', '.join(accepted)[:100]} is not available here", hint=f"accept {JSON}, {ARROW} or {CSV}"
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


def csv_response(table: pa.Table) -> Response:
    """A table as CSV with a header, UTF-8."""
    return Response(format_table(table, "csv"), media_type=CSV)


class SlicedResponse(Response):
    """A response in slices, made one after the other.

    An error after the first one begins the response again: what was sent before is dropped by the process
    that holds the port, which passes on complete answers only.
    """

    def __init__(self, slices: Generator[bytes, None, None], media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._slices = slices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make and send the slices."""
        with closing(self._slices) as slices:
            first = next(slices, b"")
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            try:
                await send({"type": "http.response.body", "body": first, "more_body": True})
                for data in slices:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            except AttribaseError as error:
                await error_response(error)(scope, receive, send)
