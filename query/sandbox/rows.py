"""The rows of a stranger's statement while they come from a worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from ...store.errors import TimeLimitError
from . import wire

if TYPE_CHECKING:
    from .process import WorkerProcess

POLL = 0.05  # seconds between looks at whether anybody still waits


class SqlRows:
    """Iterate over the record batches once. After the last one `truncated` says whether there were more rows.

    Closing it (or using it in a `with`) stops the statement and frees its worker.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        release: Callable[[WorkerProcess, bool], None],
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._worker = worker
        self._release = release
        self._cancelled = cancelled or (lambda: False)
        self._finished = False
        self.truncated = False
        try:
            _, payload = self._next()
            self.schema: pa.Schema = wire.read_schema(payload)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches as they come. Raises the errors of `SqlPool.run`."""
        try:
            while not self._finished:
                letter, payload = self._next()
                if letter == wire.BATCH:
                    yield wire.read_batch(payload)
                else:
                    self.truncated = bool(json.loads(payload)["truncated"])
                    self._finish(healthy=True)
        finally:
            self.close()

    def table(self) -> pa.Table:
        """All rows in memory."""
        return pa.Table.from_batches(list(self), self.schema)

    def close(self) -> None:
        """Stop the statement when it still runs. Safe to call again."""
        if not self._finished:
            self._finish(healthy=self._worker.cancel())

    def __enter__(self) -> SqlRows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """A worker is not lost with an answer that nobody closed."""
        self.close()

    def _finish(self, *, healthy: bool) -> None:
        self._finished = True
        self._release(self._worker, healthy)

    def _next(self) -> tuple[bytes, bytes]:
        """The next message. Raises what the worker reports, or why it is gone."""
        try:
            while not self._worker.pipe.poll(POLL):
                if self._cancelled():
                    self.close()
                    raise TimeLimitError("nobody waits for this statement any more")
            letter, payload = wire.receive(self._worker.pipe)
        except (EOFError, OSError) as error:
            if not self._finished:
                self._finish(healthy=False)
            raise self._worker.death() from error
        if letter == wire.ERROR:
            self._finish(healthy=True)
            raise wire.read_error(payload)
        return letter, payload
