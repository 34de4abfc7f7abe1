"""The state of the process that holds the port: its workers, what they may take, and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ...store.errors import InvalidInputError, NotReadyError
from ..workers import MB, WorkerPool, parse_size
from ..workers.memory import resident_bytes
from .bodies import BodyReader
from .options import SQL_LANE, ServiceOptions
from .telemetry import Telemetry

DEFAULT_MEMORY = 2 * 10**9
FRONT_BYTES = 96 * MB
"""What this process may grow by: small bodies and answers, connections, buffers."""


class Front:
    """The service of one store, as the process that holds the port has it."""

    def __init__(self, options: ServiceOptions, pool: WorkerPool) -> None:
        """`pool`: its workers are started by `open`."""
        self.options, self.telemetry = options, Telemetry()
        self.bodies = BodyReader(options)
        self.version = ""
        self._opened = False
        self.pool = pool
        self.pool.on_result = self._note_version
        self.telemetry.watch(self.pool, SQL_LANE)

    def open(self) -> None:
        """Start the workers and wait until they are ready. Raises the error of one that cannot start."""
        if not self._opened:
            self._opened = True
            workers = self.pool.open()
            self.pool.run(self._memory_of_each([worker.base for worker in workers]))

    def check_ready(self) -> str:
        """The version of the store that is served. Raises NotReadyError before the start and after `stop`."""
        if not self.version or self.pool.closed:
            raise NotReadyError("the service is starting or stopping", hint="try again in a second")
        return self.version

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open before, close after."""
        await asyncio.to_thread(self.open)
        try:
            yield
        finally:
            await asyncio.to_thread(self.pool.close)

    async def stop(self) -> None:
        """Answer all requests in flight with NotReadyError."""
        self.bodies.stop()
        await asyncio.to_thread(self.pool.close)

    def _memory_of_each(self, bases: list[int]) -> int:
        """Bytes that each worker may grow by, so that all processes together stay within the memory."""
        mine = (resident_bytes() or 0) + FRONT_BYTES
        least = self.options.least_memory
        needed = mine + sum(bases) + least * len(bases)
        total = DEFAULT_MEMORY if self.options.memory is None else parse_size(self.options.memory)
        if total < needed and self.options.memory is not None:
            raise InvalidInputError(
                f"{len(bases)} workers need {needed / 10**6:,.0f} MB with this store, and may have "
                f"{total / 10**6:,.0f} MB",
                hint=f"give more: --memory {needed // 10**6 + 1}MB, or fewer --workers",
            )
        total = max(total, needed)
        self.telemetry.memory_limit.set(total)
        return (total - mine - sum(bases)) // len(bases)

    def _note_version(self, result: dict[str, Any]) -> None:
        version = str(result.get("version", ""))
        if version and version != self.version:
            self.version = version
            self.telemetry.set_snapshot(version)
        if "checked" in result:
            self.telemetry.refreshed.set(float(result["checked"]))
