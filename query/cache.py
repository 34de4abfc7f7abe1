"""A cache that threads share: bounded, the least recently used value out first, each value made only once."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")


class SharedCache(Generic[T]):
    """Values by key. While one thread makes a value, others block for that key only.

    Thread-safe, and `make` may itself read other keys.
    """

    def __init__(self, maxsize: float = math.inf, sizeof: Callable[[T], float] | None = None) -> None:
        """`maxsize`: the most values kept or, with `sizeof`, the largest sum of their sizes."""
        self._values: LRUCache[Hashable, T] = LRUCache(maxsize, sizeof)
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> float:
        """How many values there are, or the sum of their sizes."""
        return float(self._values.currsize)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made now where there is none.

        What `make` raises is raised here and nothing is kept: a thread that waited then makes it itself.
        A value larger than `maxsize` is returned and not kept.
        """
        with self._lock:
            if key in self._values:
                return self._values[key]
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._values:  # another thread made it meanwhile
                    return self._values[key]
            try:
                value = make()
                with self._lock, suppress(ValueError):  # larger than maxsize
                    self._values[key] = value
                return value
            finally:
                with self._lock:
                    if self._making.get(key) is making:
                        del self._making[key]

    def peek(self, key: Hashable) -> T | None:
        """The value of `key` where there is one, without making it."""
        with self._lock:
            return self._values.get(key)

    def discard(self, key: Hashable) -> None:
        """Remove the value of `key`, if there is one."""
        with self._lock:
            self._values.pop(key, None)


class GenerationCache(SharedCache[T]):
    """An unbounded cache that drops what was not read for a whole generation.

    A key names the table versions that its value was made of. So a new version of the store, which begins a
    generation, finds what has not changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._used: set[Hashable] = set()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """See `SharedCache`."""
        value = super().get(key, make)
        with self._lock:
            self._used.add(key)
        return value

    def next_generation(self) -> None:
        """Begin a generation: what was not read since the last one began is dropped."""
        with self._lock:
            for key in self._values.keys() - self._used:
                del self._values[key]
            self._used.clear()
