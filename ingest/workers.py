"""Spawned worker processes that load a base once and then do one task after another.

Workers never touch the store: the parent hands them bytes and commits what they hand back. They are
spawned, not forked (the store is open), ignore Ctrl-C (the parent stops them) and die with the parent,
however it dies. On the CPU each runs on one thread, so results do not depend on how many there are.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias

from ..runtime.devices import core_count
from ..runtime.memory import always_reuse_freed_memory
from ..store import AttribaseError


def die_with_parent() -> None:
    """Called in a worker: it ends as soon as its parent does, however that ends and whatever it is doing."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """No Ctrl-C in this process meanwhile, nor ever in processes that start meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


Handler: TypeAlias = Callable[[Any], Any]
Setup: TypeAlias = Callable[[Any, str], Handler]
"""(what all tasks share, device) -> what does one task; a function of a module, so that it can be sent."""

GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Task:
    """`name` is what errors call it."""

    key: str
    name: str
    payload: Any


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    task: Task | None = None


def devices() -> list[str]:
    """Where workers run, one each: every GPU, else the Mac's, else every core that this process may use."""
    import torch

    if torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        return ["mps"]
    return ["cpu"] * core_count()


def run_tasks(
    setup: Setup, shared: Any, tasks: Iterator[Task], *, count: int, workers: int | None
) -> Iterator[tuple[Task, Any]]:
    """Do `count` tasks; yield each with its result, as results arrive.

    Args:
        setup: run once in each worker.
        shared: its first argument.
        tasks: drawn from only when a worker is free.
        count: how many tasks there are; no more workers than that start.
        workers: processes; None is one a device, 0 does the work in this process.

    Raises AttribaseError that names the task when it fails or its worker dies. No process outlives this.
    """
    places = devices()
    if workers == 0:
        handler: Handler | None = None
        for task in tasks:
            with _one_thread(places[0]):
                handler = handler or setup(shared, places[0])
                result = _named(handler, task.name, task.payload)
            yield task, result
        return
    number = min(workers or len(places), count)
    pool = [_start(setup, shared, places[index % len(places)]) for index in range(number)]
    try:
        yield from _drive(pool, tasks)
    finally:
        _stop(pool)


def _drive(pool: list[_Worker], tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
    for worker in pool:
        _assign(worker, tasks)
    while busy := {worker.connection: worker for worker in pool if worker.task}:
        for ready in wait(list(busy)):
            worker = busy[ready]  # type: ignore[index]
            done = worker.task, _receive(worker)
            _assign(worker, tasks)
            if done[0]:
                yield done[0], done[1]


def _assign(worker: _Worker, tasks: Iterator[Task]) -> None:
    worker.task = next(tasks, None)
    if worker.task:
        with suppress(OSError):  # a worker that is gone is noticed when its answer is read
            worker.connection.send((worker.task.name, worker.task.payload))


def _receive(worker: _Worker) -> Any:
    try:
        error, result = worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(GRACE_SECONDS)
        code = worker.process.exitcode
        how = f"killed by signal {-code}" if code and code < 0 else f"exit code {code}"
        name = worker.task.name if worker.task else "nothing"
        raise AttribaseError(
            f"the worker process for {name} died ({how})",
            hint="often that is too little memory: use fewer workers; what is committed stays, run it again",
        ) from None
    if error is not None:
        raise error
    return result


def _start(setup: Setup, shared: Any, device: str) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(setup, shared, device, theirs), daemon=True)
    with interrupts_ignored():  # inherited, so that Ctrl-C while a worker starts is the parent's alone
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _stop(pool: list[_Worker]) -> None:
    for worker in pool:
        worker.connection.close()
        worker.process.terminate()
    for worker in pool:
        worker.process.join(GRACE_SECONDS)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _serve(setup: Setup, shared: Any, device: str, connection: Connection) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    always_reuse_freed_memory()
    handler: Handler | None = None
    with _one_thread(device), suppress(EOFError, OSError):  # the parent is done with us, or gone
        while True:
            name, payload = connection.recv()
            try:
                handler = handler or _named(partial(setup, shared), name, device)
                connection.send((None, _named(handler, name, payload)))
            except AttribaseError as error:
                connection.send((error, None))


def _named(handler: Handler, name: str, payload: Any) -> Any:
    """The handler's result; whatever it raises becomes an AttribaseError that names the task."""
    try:
        return handler(payload)
    except AttribaseError as error:
        raise type(error)(f"{name}: {error}", hint=error.hint) from error
    except Exception as error:
        wrapped = AttribaseError(
            f"{name}: {type(error).__name__}: {error}", hint="this is likely a bug; report it"
        )
        wrapped.add_note(traceback.format_exc())
        raise wrapped from error


@contextmanager
def _one_thread(device: str) -> Iterator[None]:
    """One CPU thread, no denormals, deterministic kernels; restored afterwards."""
    import torch

    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
