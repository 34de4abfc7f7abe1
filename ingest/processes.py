"""Habits of spawned worker processes: to end with their parent, leave Ctrl-C to it, keep their memory."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process

_MALLOC_KEEP = ((-1, 1 << 30), (-2, 64 << 20), (-3, 1 << 30))  # M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD


def die_with_parent() -> None:
    """Called in a worker: it ends as soon as its parent does, however that ends and whatever it is doing."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def keep_memory() -> None:
    """Have glibc keep freed memory: returning it costs a page fault for every large tensor of every step."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            for option, value in _MALLOC_KEEP:
                mallopt(option, value)


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
