"""What an answer is written as: JSON, or an Arrow stream where the client accepts one."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pyarrow as pa
from fastapi import Request
from starlette.responses import Response

from .problems import UnacceptableError

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"


def wanted_format(request: Request) -> str:
    """`JSON` or `ARROW`, by the Accept header; JSON where it says nothing. Raises UnacceptableError."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")
    ]
    if ARROW in accepted:
        return ARROW
    if not any(accepted) or {JSON, "application/*", "*/*"} & set(accepted):
        return JSON
    raise UnacceptableError(
        f"there is no {', '.join(accepted)[:100]} of this", hint=f"accept {JSON} or {ARROW}"
    )


def json_bytes(value: Any) -> bytes:
    """JSON in UTF-8; what is not finite becomes null."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", errors="replace")


def json_response(value: Any, headers: dict[str, str] | None = None) -> Response:
    """`value` as an answer."""
    return Response(json_bytes(value), headers=headers, media_type=JSON)


def arrow_response(table: pa.Table, media_type: str = ARROW) -> Response:
    """A table as an Arrow stream, or as the file format that LanceDB's client reads."""
    sink = io.BytesIO()
    new = pa.ipc.new_stream if media_type == ARROW else pa.ipc.new_file
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue(), media_type=media_type)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
