"""Thumbnails of the pictures that a report shows, as files beside its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...query.thumbnails import make_thumbnail
from ...store import DataError, Store
from ...store.schema import ITEM_TABLES

SIDE = 128
"""Pixels of a thumbnail, at most."""

FOLDER = "pictures"


@dataclass
class Pictures:
    """The thumbnails of a report: what was asked for is kept, once each.

    Attributes:
        store: where pictures are read from, as it is now: what was removed since is not shown.
        files: the bytes of each thumbnail by its path in the report.
    """

    store: Store
    files: dict[str, bytes] = field(default_factory=dict)
    _paths: dict[tuple[str, str], str] = field(default_factory=dict)

    def load(self, kind: str, ids: Iterable[str]) -> None:
        """Make the thumbnails of images (`kind` is "image") or samples ("sample") that are not made yet."""
        new = [one for one in dict.fromkeys(ids) if (kind, one) not in self._paths]
        table = ITEM_TABLES[kind].table
        there = sorted(self.store.existing(table, new)) if new else []
        for item, data in self.store.blobs(table, "bytes", there):
            self._paths[kind, item] = self._add(item, data)

    def path(self, kind: str, item: str) -> str:
        """The path of a thumbnail that was loaded; empty where the store has no picture."""
        return self._paths.get((kind, item), "")

    def paths(self, kind: str, ids: Sequence[str]) -> list[str]:
        """Load some, and return their paths in order."""
        self.load(kind, ids)
        return [self.path(kind, one) for one in ids]

    def _add(self, item: str, data: bytes | None) -> str:
        """The path of a new thumbnail; empty for an item without bytes, or with bytes that do not decode."""
        if not data:
            return ""
        try:
            small, media = make_thumbnail(data, SIDE)
        except DataError:
            return ""
        path = f"{FOLDER}/{item[:20]}.{'png' if media == 'image/png' else 'jpg'}"
        self.files[path] = small
        return path
