"""The parent's side of one worker process: its start, one request at a time, its limits, its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from ...runtime.processes import ChildProcess
from ...store.errors import (
    AttribaseError,
    ClientDisconnectedError,
    InvalidInputError,
    LimitError,
    NotReadyError,
    TimeLimitError,
)
from . import messages
from .memory import anonymous_bytes, code_bytes
from .request import WorkerRequest
from .serving import memory_error

START_SECONDS = 120.0  # that a worker may take to become ready
CANCEL_SECONDS = 1.0  # to wait for a cancelled request before its worker is killed
POLL_SECONDS = 0.05  # between checks of a request's time, memory and client
MAX_KEPT = 0.5  # of its memory limit, which a worker may keep after a request before it is replaced
WORN = 0.1  # of its memory limit: a worker that keeps more has less for a request than a fresh one
_numbers = count()


class WorkerProcess:
    """A worker process. It is used by one thread, except `kill`."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...], name: str) -> None:
        """Start it; see `await_ready`."""
        self.process = ChildProcess(target, *args, name=name)
        self.ready: dict[str, Any] = {}
        self.base = 0
        """Bytes of memory when it was ready: its own, and those of programs and libraries."""
        self._anonymous = 0
        self.memory: int | None = None
        """Bytes that it may grow by."""
        self.worn = False
        """Whether it kept memory of earlier requests when its latest one began."""
        self._closed = False

    @property
    def pipe(self) -> Connection:
        """The parent's end of its pipe."""
        return self.process.pipe

    def await_ready(self) -> None:
        """Wait until it is ready. Raises its error, or NotReadyError that says how its start failed."""
        try:
            if not self.pipe.poll(START_SECONDS):
                raise TimeoutError(f"was not ready after {START_SECONDS:.0f} seconds")
            letter, payload = messages.receive(self.pipe)
        except (EOFError, OSError, TimeoutError) as error:
            reason = self.process.failure(error)
            self.kill()
            raise NotReadyError(
                f"a worker process could not be started: it {reason}", hint="its log says why"
            ) from error
        if letter == messages.ERROR:
            raise messages.read_error(payload)
        self.ready = json.loads(payload)
        self._anonymous = anonymous_bytes(self.process.pid) or 0
        self.base = self._anonymous + (code_bytes(self.process.pid) or 0)

    def limit_memory(self, memory: int) -> None:
        """Let it grow by so many bytes from now on. Raises OSError when it is gone."""
        self.memory = memory
        messages.send_json(self.pipe, messages.LIMIT, memory=memory)

    def answer(self, request: WorkerRequest) -> dict[str, Any]:
        """Answer a request through its `answer`. Returns what the handler returned.

        Whether the worker can be used again is then `usable()`.

        Raises:
            AttribaseError: the handler's error, or one that says which limit was exceeded.
        """
        number = str(next(_numbers))
        self.worn = self.memory is not None and self.grown() > WORN * self.memory
        try:
            self._send(request, number)
            return self._receive(request, time.monotonic() + request.seconds + request.overrun)
        except AttribaseError as error:
            if isinstance(error, _StoppedError):
                self._stop(number)
                raise error.reason from None
            raise
        except (EOFError, OSError) as error:
            self.process.join()
            raise self._death_error() from error
        except BaseException:
            self.kill()
            raise

    def usable(self) -> bool:
        """Whether it runs, and has memory left for further requests."""
        if not self.process.alive():
            return False
        return self.memory is None or self.grown() <= MAX_KEPT * self.memory

    def grown(self) -> int:
        """Bytes beyond those that it had when it was ready, without those of files that it maps."""
        return (anonymous_bytes(self.process.pid) or 0) - self._anonymous

    def kill(self) -> None:
        """End it now."""
        self.process.kill()

    def close(self) -> None:
        """End it now, and say so to the request that it answers. From any thread."""
        self._closed = True
        self.process.kill()

    def _send(self, request: WorkerRequest, number: str) -> None:
        try:
            head = {
                **request.fields,
                "id": number,
                "slices": len(request.body),
                "seconds": request.seconds,
            }
            messages.send_json(self.pipe, messages.ASK, **head)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"these values cannot be sent: {error}", hint="use JSON's types only"
            ) from error
        for part in request.body:
            messages.send(self.pipe, messages.BODY, part)

    def _receive(self, request: WorkerRequest, deadline: float) -> dict[str, Any]:
        """Pass on what the worker sends until it is done."""
        while True:
            while not self.pipe.poll(POLL_SECONDS):
                self._check(request, deadline)
            letter, payload = messages.receive(self.pipe)
            try:
                if letter == messages.HEAD:
                    request.answer.begin(json.loads(payload))
                elif letter == messages.SLICE:
                    request.answer.write(payload)
            except AttribaseError as error:
                raise _StoppedError(error) from error
            if letter == messages.ERROR:
                raise messages.read_error(payload)
            if letter == messages.DONE:
                result: dict[str, Any] = json.loads(payload)
                return result
            if letter == messages.SLICE:
                self._check(request, deadline)

    def _check(self, request: WorkerRequest, deadline: float) -> None:
        """Raise where a request must be stopped."""
        if request.cancelled():
            raise _StoppedError(ClientDisconnectedError("the client has disconnected"))
        if time.monotonic() > deadline:
            self.kill()
            raise _StoppedError(time_error(request.seconds))
        if self.memory is not None and self.grown() > self.memory:
            self.kill()
            raise _StoppedError(memory_error(self.memory))

    def _stop(self, number: str) -> None:
        """Stop the request that runs: by itself if it ends soon, else by killing the worker."""
        until = time.monotonic() + CANCEL_SECONDS
        try:
            messages.send(self.pipe, messages.CANCEL, number.encode())
            while self.pipe.poll(max(0.0, until - time.monotonic())):
                letter, _ = messages.receive(self.pipe)
                if letter in (messages.DONE, messages.ERROR):
                    return
        except (EOFError, OSError):
            pass
        self.kill()
        self.process.join()

    def _death_error(self) -> AttribaseError:
        """The error of a request whose worker died."""
        if self._closed:
            return NotReadyError("the service is stopping", hint="ask again when it is back")
        return LimitError(
            "the request ended the process that answered it, most likely for lack of memory",
            hint="ask for less at once: smaller pictures, fewer rows, a filter, or a limit",
        )


class _StoppedError(AttribaseError):
    """A request that the parent stops, for a `reason`."""

    def __init__(self, reason: AttribaseError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def time_error(seconds: float) -> TimeLimitError:
    """The error of a request that takes more than `seconds`."""
    return TimeLimitError(
        f"the request took more than {seconds:g} seconds",
        hint="ask for less at once: smaller pictures, fewer questions, a filter, or a limit",
    )
