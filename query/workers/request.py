"""A request to a worker: what is asked, where the answer goes, how long it may take, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol


class Answer(Protocol):
    """Where an answer goes. Called in the thread of the worker that answers."""

    def begin(self, head: dict[str, Any]) -> None:
        """The answer's description, before its first bytes."""

    def write(self, data: bytes) -> None:
        """The next bytes. An error that is raised here ends the request."""


@dataclass
class Collected:
    """An answer kept in memory."""

    head: dict[str, Any] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    def begin(self, head: dict[str, Any]) -> None:
        """See `Answer`."""
        self.head = head
        self.parts.clear()

    def write(self, data: bytes) -> None:
        """See `Answer`."""
        self.parts.append(data)


@dataclass(eq=False)
class WorkerRequest:
    """One request, from the queue to its end.

    Attributes:
        fields: what the worker's handler reads: values of JSON's types.
        answer: where the answer goes.
        seconds: from when a worker has it until its last byte.
        body: more bytes for the handler, in slices.
        lane: requests of one lane share a limit of how many are answered at once; `a/b` is a lane within `a`.
        overrun: seconds over its time that the handler may take to end by itself.
        cancelled: polled while it waits and runs; when it returns True the request is stopped.
        repeatable: whether its answer can be begun anew, because nothing was passed on of it yet.
        queued: when it was queued, in seconds of `time.monotonic`.
        ended: done when the request has ended; its result is what the handler returned.
    """

    fields: dict[str, Any]
    answer: Answer
    seconds: float
    body: Collection[bytes] = ()
    lane: str = ""
    overrun: float = 0.0
    cancelled: Callable[[], bool] = lambda: False
    repeatable: bool = False
    queued: float = field(default_factory=monotonic)
    ended: Future[dict[str, Any]] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        """End it with an error, where it has not ended."""
        if not self.ended.done():
            self.ended.set_exception(error)


class RequestQueue:
    """Requests in the order that they came, with a limit for each lane of how many run at once."""

    def __init__(self, waiting: int, lanes: dict[str, int]) -> None:
        """`waiting`: how many may wait. `lanes`: how many of a lane run at once; others have no limit."""
        self._waiting, self.limits = waiting, dict(lanes)
        self._running = dict.fromkeys(lanes, 0)
        self._requests: list[WorkerRequest] = []
        self._changed = threading.Condition()
        self._closed = False
        self.running = 0
        """How many were taken and have not ended."""

    def __len__(self) -> int:
        return len(self._requests)

    def put(self, request: WorkerRequest, free: int) -> bool:
        """Queue a request; False where too many wait: more than `waiting` beyond `free` idle workers."""
        with self._changed:
            if len(self._requests) >= self._waiting + max(0, free - self.running):
                return False
            self._requests.append(request)
            self._changed.notify()
            return True

    def take(self, seconds: float) -> WorkerRequest | None:
        """The first request whose lane has room, or None after some seconds. `give_back` its room later."""
        until = monotonic() + seconds
        with self._changed:
            while True:
                left = until - monotonic()
                for at, request in enumerate(self._requests):
                    if all(self._running[lane] < self.limits[lane] for lane in self._limited(request)):
                        del self._requests[at]
                        self._count(request, 1)
                        return request
                if left <= 0 or self._closed:
                    return None
                self._changed.wait(left)

    def give_back(self, request: WorkerRequest) -> None:
        """Say that a request which was taken runs no more."""
        with self._changed:
            self._count(request, -1)
            self._changed.notify()

    def remove(self, condition: Callable[[WorkerRequest], bool]) -> list[WorkerRequest]:
        """Take out those waiting requests that a condition holds for."""
        with self._changed:
            out = [request for request in self._requests if condition(request)]
            self._requests = [request for request in self._requests if request not in out]
            return out

    def running_in(self, lane: str) -> int:
        """How many of a lane with a limit run."""
        return self._running[lane]

    def waiting_in(self, lane: str) -> int:
        """How many of a lane, or of those within it, wait."""
        with self._changed:
            return sum(f"{one.lane}/".startswith(f"{lane}/") for one in self._requests)

    def close(self) -> None:
        """From now on `take` does not wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _count(self, request: WorkerRequest, change: int) -> None:
        self.running += change
        for lane in self._limited(request):
            self._running[lane] += change

    def _limited(self, request: WorkerRequest) -> list[str]:
        """The lanes of a request that have a limit: its own, and those that it is within."""
        parts = request.lane.split("/")
        lanes = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        return [lane for lane in lanes if lane in self.limits]
