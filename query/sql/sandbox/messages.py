"""The messages between pool and worker: a letter and bytes. Nothing is ever unpickled."""

from __future__ import annotations

import json
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from ....store import errors

READY = b"R"  # the worker has opened the store: a JSON object with private, the bytes it has then
ASK = b"Q"  # to the worker: a JSON object with id, statement, params, max_rows, seconds
CANCEL = b"C"  # to the worker: the id of the statement to stop
SCHEMA = b"S"  # an Arrow schema
BATCH = b"B"  # an Arrow stream of one record batch
DONE = b"D"  # a JSON object with truncated
ERROR = b"E"  # a JSON object with kind (a class of store/errors.py), message and hint

KINDS = {
    kind.__name__: kind
    for kind in (
        errors.NotFoundError,
        errors.InvalidInputError,
        errors.ConflictError,
        errors.DataError,
        errors.LimitError,
        errors.TimeLimitError,
    )
}


def send(pipe: Connection, letter: bytes, payload: bytes = b"") -> None:
    """Send one message. Raises OSError when the other side is gone."""
    pipe.send_bytes(letter + payload)


def send_json(pipe: Connection, letter: bytes, **fields: Any) -> None:
    """Send one message that carries a JSON object. Raises TypeError or ValueError for other values."""
    send(pipe, letter, json.dumps(fields, allow_nan=False).encode())


def receive(pipe: Connection) -> tuple[bytes, bytes]:
    """The next message. Raises EOFError or OSError when the other side is gone."""
    message = pipe.recv_bytes()
    return message[:1], message[1:]


def send_error(pipe: Connection, error: errors.AttribaseError) -> None:
    """Send an error as its kind, message and hint."""
    kind = type(error).__name__
    known = kind if kind in KINDS else "InvalidInputError"
    send_json(pipe, ERROR, kind=known, message=str(error), hint=error.hint)


def read_error(payload: bytes) -> errors.AttribaseError:
    """The error that `send_error` sent."""
    fields = json.loads(payload)
    return KINDS[fields["kind"]](fields["message"], hint=fields["hint"])


def send_schema(pipe: Connection, schema: pa.Schema) -> None:
    """Send an Arrow schema."""
    send(pipe, SCHEMA, schema.serialize().to_pybytes())


def send_batch(pipe: Connection, batch: pa.RecordBatch) -> None:
    """Send an Arrow record batch: as a stream of its own, which brings its dictionaries (of enums) along."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    send(pipe, BATCH, sink.getvalue().to_pybytes())


def read_schema(payload: bytes) -> pa.Schema:
    """The schema that `send_schema` sent."""
    return pa.ipc.read_schema(pa.py_buffer(payload))


def read_batch(payload: bytes) -> pa.RecordBatch:
    """The batch that `send_batch` sent."""
    with pa.ipc.open_stream(pa.py_buffer(payload)) as reader:
        return reader.read_next_batch()
