"""A store kept open for many questions: what is costly to read is read once a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..store.errors import AttribaseError
from ..store.ids import key_id
from ..store.lookup import locate
from ..store.schema import vectors_table
from .attribution.answer import Answer
from .attribution.request import Question, Request
from .catalog import Calibration, calibration, choose_encoder, choose_mapper
from .features import RAW, Pinned
from .key_index import Finder

if TYPE_CHECKING:
    from ..runtime import MapperPair, OnnxEncoder
    from ..store import Store
    from .search import SearchSpace


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


KEPT_SECONDS = 600.0
"""What nobody asked for in this time is not made ready for a new version of the store."""

SPACE_TABLES = ("images", "members", "models", "indexes")
"""What a space and its pools are made of, beside the vectors."""


class Session:
    """A store kept open for many questions. Thread-safe."""

    def __init__(self, store: Store, *, refresh: float = 5.0) -> None:
        """`refresh`: seconds after which a question looks for what was written since."""
        self.store, self.refresh = store, refresh
        self._cache = Cache()
        self._lock = Lock()
        self._newest: Snapshot | None = None
        self._looked = -float("inf")

    def snapshot(self) -> Snapshot:
        """The newest versions of all tables, pinned: the same object until one of them changed.

        Who asks while another looks for new versions gets those from before.
        """
        newest = self._newest
        if newest is not None and monotonic() - self._looked < self.refresh:
            return newest
        if not self._lock.acquire(blocking=newest is None):
            return newest  # type: ignore[return-value]  # it is not None: then the lock is waited for
        try:
            if self._newest is None or monotonic() - self._looked >= self.refresh:
                self._look()
            return self._newest  # type: ignore[return-value]  # set by _look
        finally:
            self._lock.release()

    def at(self, versions: Mapping[str, int]) -> Snapshot:
        """The store at these versions of all its tables, sharing with other snapshots what is the same."""
        return Snapshot(Pinned(self.store, dict(versions)), self._cache)

    def _look(self) -> None:
        pinned = Pinned.now(self.store)
        if self._newest is None or pinned.versions != self._newest.pinned.versions:
            self._cache.grow()
            found = Snapshot(pinned, self._cache)
            if self._newest is not None:
                found.follow(self._newest)
            self._newest = found
        self._looked = monotonic()


class Snapshot:
    """A store held at one version of every table, with what was read of it so far. Thread-safe."""

    def __init__(self, pinned: Pinned, cache: Cache | None = None) -> None:
        """`cache`: where what is costly is kept; one of its own when left out."""
        self.pinned, self.store = pinned, pinned.store
        self._cache = cache or Cache()
        self._asked: dict[Hashable, tuple[Callable[[Snapshot], object], float]] = {}

    @cached_property
    def version(self) -> str:
        """A short name of the versions of all tables."""
        said = json.dumps(self.pinned.versions, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def space(self, encoder: str | None = None, mapper: str | None = None) -> SearchSpace:
        """The images of one encoder and mapper; left out, the first encoder and the newest mapper.

        Raises NotFoundError for unknown names, ConflictError where the mapper has mapped nothing.
        """
        from .search import SearchSpace

        asked = encoder, mapper
        encoder = self.once(
            ("encoder", encoder), lambda: choose_encoder(self.pinned, encoder), "encoders", *self._vectors()
        )
        mapper = self.once(
            ("mapper", encoder, mapper), lambda: choose_mapper(self.pinned, encoder, mapper), "mappers"
        )
        space = self.once(
            ("space", encoder, mapper),
            lambda: SearchSpace.open(self.pinned, encoder, mapper),
            vectors_table(encoder),
            *SPACE_TABLES,
        )
        self.remember(("space", *asked), lambda new: new.space(*asked).pool("all"))
        return space

    def dim(self, encoder: str) -> int:
        """The length of the raw features of `encoder`."""
        schema = self.once(
            ("schema", encoder),
            lambda: self.pinned.dataset(vectors_table(encoder)).schema,
            vectors_table(encoder),
        )
        return int(schema.field("base").type.list_size)

    def calibration(self, encoder: str, mapper: str) -> Calibration | None:
        """The tau and lambda of this encoder and mapper, or None where there are none."""
        return self.once(
            ("calibration", encoder, mapper),
            lambda: calibration(self.pinned, encoder, mapper),
            "calibrations",
        )

    def pair(self, encoder: str, mapper: str) -> MapperPair:
        """The maps h and h~, read at the pinned version."""
        from ..runtime import MapperPair  # imported late: loads ONNX

        def read() -> MapperPair:
            if mapper == RAW:
                return MapperPair()
            key = key_id(encoder, mapper)
            found = locate("mappers", self.pinned.dataset("mappers"), "weights", [key])
            ((_, data),) = found.read([key])
            return MapperPair.from_bytes(data or b"")

        return self.once(("pair", encoder, mapper), read, "mappers")

    def network(self, encoder: str) -> OnnxEncoder:
        """The encoder itself, loaded once for all snapshots that have the same model file."""
        from .. import runtime  # imported late: loads ONNX

        rows = self.once(
            ("models of encoders",),
            lambda: self.pinned.read("encoders", ["encoder", "onnx_sha256"]).to_pylist(),
            "encoders",
        )
        sha256 = next((row["onnx_sha256"] for row in rows if row["encoder"] == encoder), None)
        key = ("network", encoder, sha256)
        network = self._cache.get(key, lambda: runtime.load_encoder(self.store, encoder))
        self.remember(key[:2], lambda new: new.network(encoder))
        return network

    def finder(self, table: str, column: str) -> Finder:
        """Finds rows of `table` by the text in `column`."""
        self.remember(("finder", table, column), lambda new: new.finder(table, column).warm())
        return self.once(("finder", table, column), lambda: Finder(self.pinned.dataset(table), column), table)

    def vectors(
        self, questions: Sequence[Question], space: SearchSpace, *, files: bool = True
    ) -> tuple[list[str], NDArray[np.float32]]:
        """What the questions are called, and their unit rows (questions, dim): each as a generated image.

        Raises NotFoundError, DataError or InvalidInputError for one that is none; see `attribute`.
        """
        from .attribution.query_vectors import read_questions

        return read_questions(self, questions, space, files)

    def attribute(self, questions: Sequence[Question], request: Request) -> list[Answer]:
        """Answers in the order of the questions, all in one pass; see `attribute` for errors."""
        from .attribution.attribute import answer_all

        return answer_all(self, questions, request)

    def remember(self, key: Hashable, again: Callable[[Snapshot], object]) -> None:
        """Note that this was asked for, so that a newer snapshot has it ready: `again` makes it there."""
        self._asked[key] = again, monotonic()

    def follow(self, older: Snapshot) -> None:
        """Make ready what an older snapshot was asked for of late, so that no question waits for it."""
        for key, (again, when) in list(older._asked.items()):
            if monotonic() - when < KEPT_SECONDS:
                with suppress(AttribaseError):  # it is gone, or broken: whoever asks for it is told
                    again(self)
                self._asked[key] = again, when

    def once(self, key: Hashable, make: Callable[[], T], *tables: str) -> T:
        """The value of `key`, made once for these versions of the `tables` that it is made of."""
        versions = tuple(self.pinned.versions.get(table) for table in tables)
        return self._cache.get((key, tables, versions), make)

    def _vectors(self) -> list[str]:
        return sorted(table for table in self.pinned.versions if table.startswith("vectors_"))
