"""What glibc's malloc does with freed memory: large buffers that are used again and again should stay mapped.

By default a freed buffer of some megabytes goes back to the system, and each new one costs a page fault every
4 KB. Nothing happens without glibc.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # M_... of malloc.h

WORKER = {TRIM_THRESHOLD: 1 << 30, TOP_PAD: 64 << 20, MMAP_THRESHOLD: 1 << 30}
SCAN = {TRIM_THRESHOLD: 64 << 20, MMAP_THRESHOLD: 1 << 30}
DEFAULT = {TRIM_THRESHOLD: 64 << 20, MMAP_THRESHOLD: 32 << 20}
"""What glibc raises the thresholds to by itself in a program with large buffers."""


def always_reuse_freed_memory() -> None:
    """For the rest of this process, keep freed memory: for workers that allocate the same in each step."""
    libc = _glibc()
    if libc is not None:
        _set(libc, WORKER)


@contextmanager
def reuse_freed_memory() -> Iterator[None]:
    """Keep freed buffers while the context lasts, then give them back to the system."""
    libc = _glibc()
    if libc is None:
        yield
        return
    _set(libc, SCAN)
    try:
        yield
    finally:
        _set(libc, DEFAULT)
        libc.malloc_trim(0)


def release_freed_memory() -> None:
    """Give freed memory back to the system: that of the C library and that of Arrow."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()


def _set(libc: Any, options: Mapping[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)


@cache
def _glibc() -> Any:
    """The C library where it is glibc, else None."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
