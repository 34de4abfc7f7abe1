"""Spawned worker processes: started with a pipe, sent requests, killed at a deadline, ended with the parent.

They are spawned, never forked, because an open Lance store has threads. They ignore Ctrl-C, which is the
parent's to handle, and end with the parent, however that ends.

    worker = ChildProcess(serve, model, name="encode")   # in the child: serve(pipe, model)
    worker.send(image)
    try:
        answer = worker.receive(seconds=60)
    except (EOFError, OSError, TimeoutError) as error:
        worker.kill()
        reason = worker.failure(error)                   # 'died (killed by signal 9)'
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

JOIN_SECONDS = 5.0


class ChildProcess:
    """A spawned process that runs `target(pipe, *args)`, and this end of the pipe.

    Use it from one thread at a time; only `kill` and `alive` are safe from any.
    """

    def __init__(self, target: Callable[..., None], *args: Any, name: str) -> None:
        """Start at once. `target` is a function of a module and `args` can be pickled: both are sent."""
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(target, theirs, args), daemon=True, name=name)
        with interrupts_ignored():  # inherited, so that Ctrl-C while a worker starts is the parent's alone
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def send(self, message: Any) -> None:
        """Pickle and send. Raises OSError when the process is gone."""
        self.pipe.send(message)

    def receive(self, seconds: float | None = None) -> Any:
        """The next message, unpickled. Raises TimeoutError; EOFError or OSError when the process is gone."""
        if seconds is not None and not self.pipe.poll(seconds):
            raise TimeoutError(f"gave no answer in {seconds:.0f} seconds")
        return self.pipe.recv()

    def failure(self, error: Exception) -> str:
        """What happened when `receive` or `send` raised `error`: no answer, or how the process ended."""
        if isinstance(error, TimeoutError):
            return str(error)
        self.join()
        code = self._process.exitcode
        return f"died ({f'killed by signal {-code}' if code and code < 0 else f'exit code {code}'})"

    def kill(self) -> None:
        """End it now, whatever it is doing. Safe to call again."""
        with suppress(OSError, ValueError):
            self._process.kill()

    def join(self) -> None:
        """Wait some seconds for its end."""
        with suppress(OSError, ValueError):
            self._process.join(JOIN_SECONDS)


def answer_requests(pipe: Connection, answer: Callable[[Any], Any]) -> None:
    """In a child: send `answer(request)` for every request, until the parent closes the pipe."""
    while True:
        try:
            request = pipe.recv()
        except (EOFError, OSError):
            return
        reply = answer(request)
        with suppress(OSError):  # the parent closed the pipe meanwhile
            pipe.send(reply)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C in this process meanwhile, and for ever in processes that start meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(target: Callable[..., None], pipe: Connection, args: tuple[Any, ...]) -> None:
    """The main function of a child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    target(pipe, *args)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
