"""Training and sampling in worker processes that load a base once and then do one task after another.

On the CPU each runs on one thread, so results do not depend on how many there are.

A small network leaves most of a GPU idle: its kernels end before the CPU has launched the next. So workers
share a GPU where the base is small, as many as there are cores to launch from and memory to hold them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from ..runtime.devices import core_count
from ..runtime.memory import always_reuse_freed_memory
from ..runtime.processes import ChildProcess, answer_requests
from ..runtime.tasks import Handler, Setup, WorkerTask, call_named
from ..store import AttribaseError


@dataclass
class _Worker:
    process: ChildProcess
    task: WorkerTask | None = None


SMALL_NETWORK = 256 * 2**20
"""Bytes of a base's UNet on disk up to which workers share a GPU: the embedded world's has 9 MB, Stable
Diffusion's at least 1.7 GB."""
MEMORY_OF_A_WORKER = 2 * 2**30
"""Bytes of a GPU that a worker with a small base gets: CUDA's context, the base, its training."""


def run_tasks(
    setup: Setup,
    shared: Any,
    tasks: Iterator[WorkerTask],
    *,
    count: int,
    workers: int | None,
    network: int = sys.maxsize,
) -> Iterator[tuple[WorkerTask, Any]]:
    """Do `count` tasks; yield each with its result, as results arrive.

    Args:
        setup: run once in each worker.
        shared: its first argument.
        tasks: drawn from only when a worker is free.
        count: how many tasks there are; no more workers than that start.
        workers: processes; None is as many as `available_devices` lists, 0 does the work in this process.
        network: bytes of the network that a worker runs; workers with a small one share a GPU.

    Raises AttribaseError that names the task when it fails or its worker dies. No process outlives this.
    """
    devices = available_devices(network)
    if workers == 0:
        yield from _run_here(setup, shared, tasks, devices[0])
        return
    pool = [
        _Worker(ChildProcess(_serve, setup, shared, devices[index % len(devices)], name="worker"))
        for index in range(min(workers or len(devices), count))
    ]
    try:
        yield from _run_in(pool, tasks)
    finally:
        for worker in pool:
            worker.process.kill()
        for worker in pool:
            worker.process.join()


def available_devices(network: int = sys.maxsize) -> list[str]:
    """Where workers run, one each: the GPUs, else the Mac's, else every core that this process may use.

    Where `network`, the bytes of what a worker runs, is at most SMALL_NETWORK, each GPU is there several
    times: for its share of the cores, at most once for each MEMORY_OF_A_WORKER that it has. The first workers
    get a GPU each.
    """
    import torch

    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        sharing = [_workers_of(index, core_count() // count, network) for index in range(count)]
        return [
            f"cuda:{index}" for turn in range(max(sharing)) for index in range(count) if turn < sharing[index]
        ]
    if torch.backends.mps.is_available():
        return ["mps"]
    return ["cpu"] * core_count()


def _workers_of(gpu: int, cores: int, network: int) -> int:
    """How many workers share one GPU."""
    import torch

    if network > SMALL_NETWORK:
        return 1
    memory = torch.cuda.get_device_properties(gpu).total_memory
    return max(1, min(cores, memory // MEMORY_OF_A_WORKER))


def _run_here(
    setup: Setup, shared: Any, tasks: Iterator[WorkerTask], device: str
) -> Iterator[tuple[WorkerTask, Any]]:
    handler: Handler | None = None
    for task in tasks:
        with one_thread():
            handler = handler or setup(shared, device)
            result = call_named(handler, task.name, task.payload)
        yield task, result


def _run_in(pool: list[_Worker], tasks: Iterator[WorkerTask]) -> Iterator[tuple[WorkerTask, Any]]:
    for worker in pool:
        _assign(worker, tasks)
    while busy := {worker.process.pipe: worker for worker in pool if worker.task}:
        for pipe in wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]
            task, result = worker.task, _receive(worker)
            _assign(worker, tasks)
            if task:
                yield task, result


def _assign(worker: _Worker, tasks: Iterator[WorkerTask]) -> None:
    worker.task = next(tasks, None)
    if worker.task:
        with suppress(OSError):  # a worker that died is noticed when its answer is read
            worker.process.send((worker.task.name, worker.task.payload))


def _receive(worker: _Worker) -> Any:
    try:
        error, result = worker.process.receive()
    except (EOFError, OSError) as lost:
        name = worker.task.name if worker.task else "nothing"
        raise AttribaseError(
            f"the worker process for {name} {worker.process.failure(lost)}",
            hint="often that is too little memory: use fewer workers; what is committed stays, run it again",
        ) from None
    if error is not None:
        raise error
    return result


def _serve(pipe: Connection, setup: Setup, shared: Any, device: str) -> None:
    """The main function of a worker: answer (name, payload) with (error, result)."""
    always_reuse_freed_memory()
    handler: Handler | None = None

    def answer(request: tuple[str, Any]) -> tuple[AttribaseError | None, Any]:
        nonlocal handler
        name, payload = request
        try:
            handler = handler or call_named(partial(setup, shared), name, device)
            return None, call_named(handler, name, payload)
        except AttribaseError as error:
            return error, None

    with one_thread():
        answer_requests(pipe, answer)


@contextmanager
def one_thread() -> Iterator[None]:
    """One CPU thread, no denormals, deterministic kernels; restored afterwards."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
