"""What is costly to make and the same for every question, kept while the tables it comes from are current."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class _Entry:
    """One thing, made once under its own lock; `used` is the newest generation that asked for it."""

    used: int
    lock: Lock = field(default_factory=Lock)
    value: Any = None
    made: bool = False


class Cache:
    """Things by key, each made by the first who asks while others wait for it alone. Thread-safe.

    A key names the table versions that its value was made of. So a generation (a new version of the store)
    finds what has not changed, and `grow` drops what neither it nor the one before it asked for.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = Lock()
        self.generation = 0

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made now if need be. What `make` raises is raised, and not kept."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry(self.generation))
            entry.used = self.generation
        if not entry.made:
            with entry.lock:
                if not entry.made:
                    self._make(key, entry, make)
        value: T = entry.value
        return value

    def _make(self, key: Hashable, entry: _Entry, make: Callable[[], Any]) -> None:
        try:
            entry.value = make()
            entry.made = True
        except BaseException:  # keys may come from strangers: what cannot be made leaves nothing behind
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
            raise

    def grow(self) -> None:
        """A new generation begins: what was not asked for since the last one began goes."""
        with self._lock:
            self._entries = {
                key: entry for key, entry in self._entries.items() if entry.used >= self.generation
            }
            self.generation += 1
