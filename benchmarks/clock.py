"""What work costs: seconds, processor seconds and the most memory above what was in use before."""

from __future__ import annotations

import ctypes
import gc
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds, processor seconds, and at most so many bytes more than before."""

    wall: float
    cpu: float
    memory: int


class Clock:
    """Laps of work on a device, one after the other."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._last = self._now()

    def lap(self) -> Cost:
        """What passed since the last lap ended; memory is not measured."""
        last, self._last = self._last, self._now()
        return Cost(self._last[0] - last[0], self._last[1] - last[1], 0)

    def _now(self) -> tuple[float, float]:
        if self._device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()


def cost_of(work: Callable[[], Any], device: str) -> Cost:
    """What it takes, to the end on the device: memory of tensors on a GPU, of the process on a CPU."""
    gc.collect()
    before, clock = _reset_peak(device), Clock(device)
    work()
    lap = clock.lap()
    return Cost(lap.wall, lap.cpu, _peak(device) - before)


def _reset_peak(device: str) -> int:
    """Start a new peak; the bytes in use now."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return int(torch.cuda.memory_allocated())
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # else what was freed before is used again, and nothing is seen
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")  # Linux: the peak of the resident set starts anew
    return _peak(device)


def _peak(device: str) -> int:
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.exists():
        line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
