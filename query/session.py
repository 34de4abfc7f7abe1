"""A store kept open for many questions: what is costly to read is cached by table version."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from .. import runtime
from ..runtime import MapperPair
from ..runtime.abstention import Abstention, load_abstention
from ..runtime.mapper import read_weights
from ..runtime.model_files import encoder_row
from ..runtime.moments import GalleryMoments, load_moments, mapper_digest, weights_digest
from ..store import Store
from ..store.ids import vectors_table
from .cache import GenerationCache
from .catalog import Calibration, read_calibration
from .default_features import TABLES as FEATURE_TABLES
from .default_features import ChosenFeatures, choose_features
from .encoder_rows import EncoderRows
from .features import Pinned
from .key_index import RowFinder
from .search import SearchSpace
from .time_travel import At, name_state, state_digest, versions_at

if TYPE_CHECKING:
    from ..runtime import TextEncoder
    from ..runtime.composite import ImageEncoder


T = TypeVar("T")

WARM_SECONDS = 600.0
"""What was not used for this long is not prepared for a new version of the store."""

SPACE_TABLES = ("images", "members", "models", "indexes")
"""What a space and its pools are made of, beside the vectors."""

log = logging.getLogger("attribase.query")


class Session:
    """A store kept open for many questions. Thread-safe."""

    def __init__(self, store: Store | str | Path, *, refresh: float = 5.0) -> None:
        """`store`: it or its path. `refresh`: seconds after which `snapshot` looks for new table versions."""
        self.store, self.refresh = Store.of(store), refresh
        self._cache: GenerationCache[Any] = GenerationCache()
        self._lock = Lock()
        self._newest: Snapshot | None = None
        self._refreshed = -float("inf")

    def snapshot(self) -> Snapshot:
        """The newest versions of all tables, pinned: the same object until one of them changes.

        While one thread refreshes, others get the previous snapshot.
        """
        newest = self._newest
        if newest is not None and monotonic() - self._refreshed < self.refresh:
            return newest
        if not self._lock.acquire(blocking=newest is None):
            return newest  # type: ignore[return-value]  # with None the lock was acquired, so it is set
        try:
            if self._newest is None or monotonic() - self._refreshed >= self.refresh:
                self._refresh()
            return self._newest  # type: ignore[return-value]  # set by _refresh
        finally:
            self._lock.release()

    def snapshot_at(self, versions: Mapping[str, int]) -> Snapshot:
        """The store at these versions of all its tables. Shares what is cached with the other snapshots."""
        return Snapshot(Pinned(self.store, dict(versions)), self._cache)

    def _refresh(self) -> None:
        pinned = Pinned.now(self.store)
        if self._newest is None or pinned.versions != self._newest.pinned.versions:
            self._cache.next_generation()
            snapshot = Snapshot(pinned, self._cache)
            if self._newest is not None:
                snapshot.warm_from(self._newest)
            self._newest = snapshot
        self._refreshed = monotonic()


class Snapshot:
    """A store held at one version of every table, and what was read of it so far. Thread-safe."""

    def __init__(self, pinned: Pinned, cache: GenerationCache[Any] | None = None) -> None:
        """`cache`: shared with other snapshots of the store; one of its own when left out."""
        self.pinned, self.store = pinned, pinned.store
        self._cache: GenerationCache[Any] = GenerationCache() if cache is None else cache
        self._earlier: Snapshot | None = None
        self._warmups: dict[Hashable, tuple[Callable[[Snapshot], object], float]] = {}

    @cached_property
    def version(self) -> str:
        """A digest of the versions of all tables."""
        return state_digest(self.pinned.versions)

    @cached_property
    def at(self) -> str:
        """The name of this state that `as_of` takes: a tag, or a moment in UTC."""
        return name_state(self.store, self.pinned.versions)

    def as_of(self, at: At) -> Snapshot:
        """The store at a tag, a moment or a digest, as for the last such call; with None, this snapshot.

        Raises as `versions_at`.
        """
        if at is None:
            return self
        versions = versions_at(self.store, at)
        if versions == self.pinned.versions:
            return self
        earlier = self._earlier
        if earlier is None or earlier.pinned.versions != versions:
            self._cache.next_generation()  # so that many states one after the other do not fill the memory
            earlier = self._earlier = Snapshot(Pinned(self.store, versions), self._cache)
        return earlier

    def space(self, encoder: str | None = None, mapper: str | None = None) -> SearchSpace:
        """The images of one encoder and mapper; what is left out, see `choose_features`.

        Raises NotFoundError for unknown names, ConflictError where the mapper has mapped nothing.
        """
        asked = encoder, mapper
        chosen = self.choose_features(encoder, mapper)
        encoder, mapper = chosen.encoder, chosen.mapper
        space = self.cached(
            ("space", encoder, mapper),
            lambda: SearchSpace.open(self.pinned, encoder, mapper),
            vectors_table(encoder),
            *SPACE_TABLES,
        )
        self.register_warmup(("space", *asked), lambda new: new.space(*asked).pool("all"))
        return space

    def choose_features(self, encoder: str | None = None, mapper: str | None = None) -> ChosenFeatures:
        """The encoder and mapper that answer. NotFoundError for unknown names."""
        return self.cached(
            ("features", encoder, mapper),
            lambda: choose_features(self.pinned, encoder, mapper),
            *FEATURE_TABLES,
            *self._vectors(),
        )

    def dim(self, encoder: str) -> int:
        """The length of the raw features of `encoder`."""
        schema = self.cached(
            ("schema", encoder),
            lambda: self.pinned.dataset(vectors_table(encoder)).schema,
            vectors_table(encoder),
        )
        return int(schema.field("base").type.list_size)

    def calibration(self, encoder: str, mapper: str) -> Calibration | None:
        """What turns similarities of this encoder and mapper into influence, or None."""
        return self.cached(
            ("calibration", encoder, mapper),
            lambda: read_calibration(self.pinned, encoder, mapper),
            "calibrations",
        )

    def abstention(self, encoder: str, mapper: str) -> tuple[Abstention | None, GalleryMoments | None]:
        """The scores of held-out models and the gallery's moments; None where there are none.

        A store of an earlier version that cannot be written has neither table.
        """
        if "abstentions" not in self.pinned.versions:
            return None, None
        scores = self.cached(
            ("abstention", encoder, mapper),
            lambda: load_abstention(self.pinned, encoder, mapper),
            "abstentions",
        )
        return scores, self.moments(encoder, mapper)

    def moments(self, encoder: str, mapper: str) -> GalleryMoments | None:
        """The gallery's moments as stored, or None."""
        if "gallery_moments" not in self.pinned.versions:  # of an earlier version, and cannot be written
            return None
        key = "moments", encoder, mapper
        return self.cached(key, lambda: load_moments(self.pinned, encoder, mapper), "gallery_moments")

    def mapper_digest(self, encoder: str, mapper: str) -> str:
        """The digest of the mapper's weights. NotFoundError for a mapper that there is not."""
        key = "mapper digest", encoder, mapper
        return self.cached(key, lambda: mapper_digest(self.pinned, encoder, mapper), "mappers")

    def pair(self, encoder: str, mapper: str) -> MapperPair:
        """The maps h and h~, read at the pinned version."""

        def load() -> MapperPair:
            weights = read_weights(self.pinned, encoder, mapper)
            self.cached(("mapper digest", encoder, mapper), lambda: weights_digest(weights), "mappers")
            return MapperPair() if weights is None else MapperPair.from_bytes(weights)

        return self.cached(("pair", encoder, mapper), load, "mappers")

    @property
    def encoders(self) -> EncoderRows:
        """What the store says of its encoders."""
        return self.cached(("rows of encoders",), lambda: EncoderRows.read(self.pinned), "encoders")

    def network(self, encoder: str) -> ImageEncoder:
        """The encoder itself, loaded once for all snapshots that have the same network.

        A composite's parts are those that are loaded for questions to the parts themselves.

        Raises ConflictError where the store has another network under this name by now, else as
        `load_image_encoder`.
        """
        key = ("network", encoder, self.encoders.image_network(encoder))
        network: ImageEncoder = self._cache.get(key, lambda: self._load_network(encoder))
        self.register_warmup(key[:2], lambda new: new.network(encoder))
        return network

    def _load_network(self, encoder: str) -> ImageEncoder:
        newest = encoder_row(self.store, encoder)
        self.encoders.check_image_network(encoder, newest)
        if not self.encoders.parts(encoder):
            return runtime.load_encoder(self.store, encoder, row=newest)
        return runtime.load_image_encoder(self.store, encoder, self.network)

    def text_network(self, encoder: str) -> TextEncoder:
        """The text tower of an encoder that has one, loaded once for all snapshots with the same files.

        Raises ConflictError where the store has another tower under this name by now.
        """
        tower = self.encoders.text_towers()[encoder]
        key = ("text network", tower, self.encoders.text_network(tower))
        network: TextEncoder = self._cache.get(key, lambda: self._load_text_network(tower))
        self.register_warmup(("text network", encoder), lambda new: new.text_network(encoder))
        return network

    def _load_text_network(self, tower: str) -> TextEncoder:
        self.encoders.check_text_network(self.store, tower)
        return runtime.load_text_encoder(self.store, tower)

    def finder(self, table: str, column: str) -> RowFinder:
        """A reader of the rows of `table` by the text in `column`."""
        self.register_warmup(("finder", table, column), lambda new: new.finder(table, column).build())
        return self.cached(
            ("finder", table, column), lambda: RowFinder(self.pinned.dataset(table), column), table
        )

    def register_warmup(self, key: Hashable, warmup: Callable[[Snapshot], object]) -> None:
        """Note that `key` was used, so that `warmup` prepares it in the next snapshot before it is needed."""
        self._warmups[key] = warmup, monotonic()

    def warm_from(self, older: Snapshot) -> None:
        """Prepare what an older snapshot was used for in the last WARM_SECONDS."""
        for key, (warmup, used) in list(older._warmups.items()):
            if monotonic() - used < WARM_SECONDS:
                try:
                    warmup(self)
                except Exception as error:  # raised again to the question that needs it
                    log.info("cannot prepare %s: %s", key, error)
                self._warmups[key] = warmup, used

    def cached(self, key: Hashable, make: Callable[[], T], *tables: str) -> T:
        """The value of `key`, made once for the pinned versions of the `tables` that it is made of."""
        versions = tuple(self.pinned.versions.get(table) for table in tables)
        value: T = self._cache.get((key, tables, versions), make)
        return value

    def _vectors(self) -> list[str]:
        return sorted(table for table in self.pinned.versions if table.startswith("vectors_"))
