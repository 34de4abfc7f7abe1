"""Work that computes, off the event loop: a few threads, a bounded queue, and 503 beyond it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import ParamSpec, TypeVar

from .problems import OverloadedError

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """`count` threads and at most `waiting` calls that wait for one."""

    def __init__(self, count: int, waiting: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=f"attribase-{name}")
        self._limit, self._lock = count + waiting, Lock()
        self.busy = 0  # calls that run or wait

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`work(*args, **kwargs)` in a thread. Raises OverloadedError when too many calls wait."""
        with self._lock:
            if self.busy >= self._limit:
                raise OverloadedError("the service is busy", hint="try again in a second")
            self.busy += 1
        try:
            future = self._pool.submit(work, *args, **kwargs)
        except BaseException:
            self._leave(None)
            raise
        future.add_done_callback(self._leave)  # not where it is awaited: a client may leave before it is done
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[T] | None) -> None:
        with self._lock:
            self.busy -= 1

    def close(self) -> None:
        """Let what runs end; what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
