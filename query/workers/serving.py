"""The worker's side: answer requests one at a time. The process may be killed at any moment."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

from ...runtime.memory import release_freed_memory
from ...store.errors import AttribaseError, LimitError, TooLargeError
from . import messages
from .memory import MB, anonymous_bytes, limit_private_memory

STACKS = 128 * MB
"""Private memory that counts and is never touched: stacks of threads that libraries start later."""

TRIM_BYTES, TRIM_SHARE = 128 * MB, 0.125
"""Growth over which freed memory is given back to the system after an answer: bytes, or less of the limit."""

log = logging.getLogger("attribase.workers")


class Handler(Protocol):
    """What a worker does with a request. Methods are called in one thread, except `cancel`."""

    def describe(self) -> dict[str, Any]:
        """What the parent should know when it starts: values of JSON's types."""

    def limit(self, memory: int) -> None:
        """From now on the process may grow by `memory` bytes."""

    def answer(self, fields: dict[str, Any], body: bytes, out: Output) -> dict[str, Any]:
        """Answer a request through `out`; returns what completes the answer. Raises AttribaseError."""

    def cancel(self) -> None:
        """Stop what is running, if that can be stopped. Called in another thread."""


class Output:
    """Sends an answer in slices and counts its bytes."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.size = 0
        """Bytes sent."""

    def begin(self, **head: Any) -> None:
        """Describe the answer, before its first bytes."""
        messages.send_json(self._pipe, messages.HEAD, **head)

    def write(self, data: bytes, limit: int | None = None) -> None:
        """Send bytes. Raises TooLargeError where all together are more than `limit`."""
        self.size += len(data)
        if limit is not None and self.size > limit:
            raise TooLargeError(
                f"more than {limit / MB:,.0f} MB in one answer", hint="ask for fewer rows or columns"
            )
        view = memoryview(data)
        for start in range(0, len(view), messages.SLICE_BYTES):
            part = bytes(view[start : start + messages.SLICE_BYTES])
            messages.send(self._pipe, messages.SLICE, part)


def serve(pipe: Connection, open_handler: Callable[[], Handler]) -> None:
    """Answer what comes through `pipe` until it is closed, with the handler that `open_handler` opens."""
    try:
        handler = open_handler()
        ready = handler.describe()
    except AttribaseError as error:
        messages.send_error(pipe, error)
        return
    messages.send_json(pipe, messages.READY, **ready)
    _Worker(pipe, handler).run()


def memory_error(limit: int) -> LimitError:
    """The error of a request that needs more than `limit` bytes of memory."""
    return LimitError(
        f"the request needs more than {limit / 10**6:,.0f} MB of memory",
        hint="ask for less at once: smaller pictures, fewer rows, a filter, or a limit",
    )


class _Worker:
    """Answers requests in this thread, while another one listens for cancellations and for the end."""

    def __init__(self, pipe: Connection, handler: Handler) -> None:
        self.pipe, self.handler = pipe, handler
        self.requests: queue.Queue[tuple[dict[str, Any], bytes] | int] = queue.Queue()
        self.running = self.cancelled = ""
        self.lock = threading.Lock()
        self.memory = 0
        self.trimmed = anonymous_bytes() or 0
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self) -> None:
        """Answer requests for ever."""
        while True:
            request = self.requests.get()
            if isinstance(request, int):
                self.memory = request
                self.handler.limit(request)
                limit_private_memory(request + STACKS)
                continue
            try:
                self._answer(*request)
            except OSError:  # the parent closed the pipe
                os._exit(0)
            del request  # its body, while the next one is awaited

    def _answer(self, fields: dict[str, Any], body: bytes) -> None:
        with self.lock:
            self.running = str(fields.pop("id"))
            if self.cancelled == self.running:
                self.handler.cancel()
        try:
            result = self._ask_handler(fields, body)
        except AttribaseError as error:
            messages.send_error(self.pipe, error)
        except MemoryError:
            messages.send_error(self.pipe, memory_error(self.memory))
        except BrokenPipeError:
            raise
        except Exception:
            log.exception("a request failed")
            fault = AttribaseError("the service failed to answer", hint="its log says why; please report it")
            messages.send_error(self.pipe, fault)
        else:
            messages.send_json(self.pipe, messages.DONE, **result)
        finally:
            with self.lock:
                self.running = ""

    def _ask_handler(self, fields: dict[str, Any], body: bytes) -> dict[str, Any]:
        """What the handler returns; the parent looks at this process's memory as soon as it has that."""
        try:
            return self.handler.answer(fields, body, Output(self.pipe))
        finally:
            self._trim()

    def _listen(self) -> None:
        try:
            while True:
                letter, payload = messages.receive(self.pipe)
                if letter == messages.ASK:
                    fields = json.loads(payload)
                    slices = [messages.receive(self.pipe)[1] for _ in range(fields.pop("slices"))]
                    self.requests.put((fields, b"".join(slices)))
                    del slices
                elif letter == messages.LIMIT:
                    self.requests.put(int(json.loads(payload)["memory"]))
                elif letter == messages.CANCEL:
                    self._cancel(payload.decode())
        except (EOFError, OSError):
            os._exit(0)  # the parent closed the pipe

    def _cancel(self, request: str) -> None:
        with self.lock:
            if self.running == request:
                self.handler.cancel()
            else:
                self.cancelled = request  # not begun yet, or done already

    def _trim(self) -> None:
        """Give freed memory back to the system where there may be much of it."""
        now = anonymous_bytes() or 0
        if now > self.trimmed + min(TRIM_BYTES, TRIM_SHARE * (self.memory or now)):
            release_freed_memory()
            self.trimmed = anonymous_bytes() or 0
