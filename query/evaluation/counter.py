"""The device that ranks are counted on: the CPU, or a GPU through torch."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...runtime.devices import core_count, load_cuda_driver
from ...store.errors import InvalidInputError
from .counting import BLOCK, CpuCounter, Thresholds

DEVICES = ("cpu", "cuda", "mps")
DEVICE_BLOCK = 8192
"""Gallery rows that a GPU takes at once."""


class Counter(Protocol):
    """Counts the rows of a gallery that are at or above thresholds."""

    def run(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[int]:
        """Count blocks (items, dim) as stored; yields how many rows each had."""

    @property
    def before(self) -> NDArray[np.int64]:
        """(thresholds,) how many rows were at or above each."""


def choose_device(name: str | None = None) -> str:
    """`name` if this machine has it; left out (or `auto`), a GPU where there is one, else `cpu`.

    torch is imported only where a driver loads. Raises InvalidInputError for a device that is not there.
    """
    if name in (None, "auto"):
        return next((device for device in ("cuda", "mps") if _present(device)), "cpu")
    if name not in DEVICES:
        raise InvalidInputError(
            f"there is no device {name!r}", hint=f"use {', '.join(DEVICES)}, or leave it out"
        )
    if name != "cpu" and not _present(name):
        raise InvalidInputError(f"this machine has no {name} device", hint="leave it out, or use cpu")
    return name


def make_counter(thresholds: Thresholds, device: str, threads: int | None = None) -> Counter:
    """The counter for `device`: `cpu`, `cuda`, `mps`, or any torch device after `torch:`."""
    if device == "cpu":
        return CpuCounter(thresholds, threads or core_count())
    from .counting_torch import TorchCounter

    return TorchCounter(thresholds, device.removeprefix("torch:"))


def block_rows(device: str) -> int:
    """How many gallery rows `device` takes at once."""
    return BLOCK if device == "cpu" else DEVICE_BLOCK


def _present(device: str) -> bool:
    """Whether torch can use `device`; without importing it where no driver is."""
    if not (load_cuda_driver() if device == "cuda" else platform.system() == "Darwin"):
        return False
    import torch

    return bool(torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available())
