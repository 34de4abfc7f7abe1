"""The handler of a worker process of `SqlPool`: statements in, record batches out."""

from __future__ import annotations

from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from ....store import Store
from ....store.errors import AttribaseError, InvalidInputError
from ...workers import Output, serve
from .execution import Sandbox
from .limits import SandboxLimits


def serve_statements(pipe: Connection, uri: str, limits: SandboxLimits, refresh: float) -> None:
    """The main function of a worker."""
    serve(pipe, partial(StatementHandler, uri, limits, refresh))


class StatementHandler:
    """Sends the schema and each batch of a statement as Arrow bytes of their own; see `read_batches`."""

    def __init__(self, uri: str, limits: SandboxLimits, refresh: float) -> None:
        self._sandbox = Sandbox(Store.open(uri), limits, refresh)

    def describe(self) -> dict[str, Any]:
        """See `Handler`."""
        return {}

    def limit(self, memory: int) -> None:
        """See `Handler`. DuckDB's own limit was set when its connection was opened."""

    def cancel(self) -> None:
        """See `Handler`."""
        self._sandbox.cancel()

    def answer(self, fields: dict[str, Any], body: bytes, out: Output) -> dict[str, Any]:  # noqa: ARG002
        """The rows of `statement`; the result has the `sizes` of what was sent, and `truncated`."""
        sizes = []

        def send(data: bytes) -> None:
            sizes.append(len(data))
            out.write(data)

        with self._sandbox.run(
            fields["statement"], fields["params"], fields["max_rows"], fields["seconds"]
        ) as rows:
            try:
                send(rows.schema.serialize().to_pybytes())
                for batch in rows.batches:
                    send(_batch_bytes(batch))
            except (AttribaseError, MemoryError, OSError):
                raise
            except Exception as error:  # caused by values, which are user input
                reason = f"the answer cannot be sent: {type(error).__name__}: {error}"
                raise InvalidInputError(reason, hint="cast the column to text") from error
        return {"sizes": sizes, "truncated": rows.truncated}


def _batch_bytes(batch: pa.RecordBatch) -> bytes:
    """A stream of its own, which brings the batch's dictionaries (of enums) along."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def read_batches(data: bytes, sizes: list[int]) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    """What a `StatementHandler` sent, without a copy of the values."""
    whole, at, batches = pa.py_buffer(data), sizes[0], []
    schema = pa.ipc.read_schema(whole.slice(0, at))
    for size in sizes[1:]:
        with pa.ipc.open_stream(whole.slice(at, size)) as reader:
            batches.append(reader.read_next_batch())
        at += size
    return schema, batches
