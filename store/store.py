"""The store: one directory (or `s3://` prefix) of Lance tables, written by key and read by version."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .errors import UnreachableError
from .failures import Failure, failed_items, forget_failures, record_failures
from .files import files_of
from .ids import vectors_table, views_table
from .jobs import Jobs
from .layout import Layout
from .lookup import BlobRows, locate
from .marker import check_format, read_marker, require_marker, write_marker
from .schema import TABLES, vectors_schema, views_schema
from .tables import Tables, create_tables
from .tags import Tag, create_tag, list_tags
from .tombstones import Tombstone, guarded_upsert, read_tombstones, removed_from
from .upgrade import schema_id, upgrade_at_opening
from .vectors import ensure_vector_table, set_column


@dataclass(frozen=True)
class Store(Tables):
    """An open store: its tables, jobs, vectors, tags and side files. Cheap to open and picklable."""

    def __init__(self, store: Layout | str | Path) -> None:
        """The store at a path, as `open`; a `Layout` is taken as it is. Raises as `open`."""
        layout = store if isinstance(store, Layout) else type(self).open(store).layout
        object.__setattr__(self, "layout", layout)  # the class is frozen

    @classmethod
    def create(cls, uri: str | Path) -> "Store":
        """The store at `uri`, created with all of its fixed tables unless it is there.

        Safe to run again, at once from many processes, and after a kill.

        Raises ConflictError for a newer format.
        """
        store = cls(Layout.of(uri))
        there = read_marker(store.layout)
        if there is not None:
            check_format(store.layout, there)
        store.layout.make_folder()
        create_tables(store.layout, TABLES)
        if upgrade_at_opening(store):
            write_marker(store.layout, schema_id())
        return cls.open(uri)

    @classmethod
    def open(cls, uri: str | Path) -> "Store":
        """The store at `uri`, with what an earlier version did not give it (upgrade.py).

        Raises NotFoundError when there is none, ConflictError for a newer format and for an older one that
        `attribase upgrade` has to change.
        """
        store = cls(Layout.of(uri))
        marker = require_marker(store.layout)
        if marker.schema != schema_id() and upgrade_at_opening(store):
            with contextlib.suppress(OSError, UnreachableError):  # a store that cannot be written
                write_marker(store.layout, schema_id())
        return store

    @classmethod
    def of(cls, store: "Store | str | Path") -> "Store":
        """`store` itself, or the store at this path. Raises as `open`."""
        return store if isinstance(store, Store) else cls.open(store)

    @property
    def jobs(self) -> Jobs:
        """The jobs of this store."""
        return Jobs(self)

    def _upsert(self, table: str, rows: pa.Table, *, update: bool) -> int:
        """`upsert` of rows that fit the table, without those that name a removed item."""
        return guarded_upsert(self, table, rows, partial(super()._upsert, update=update))

    def blobs(self, table: str, column: str, ids: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """(id, bytes or None) for each of `ids`, in their order, streamed. Raises NotFoundError."""
        return self.locate_blobs(table, column, ids).read(ids)

    def locate_blobs(self, table: str, column: str, ids: Sequence[str]) -> BlobRows:
        """Find the blobs of `ids` once, to read them piece by piece. Raises NotFoundError."""
        return locate(table, self.dataset(table), column, ids)

    def removed(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tombstone]:
        """Those of some images, by image_id, that were removed from this store and may not come back.

        `rows` are of `images`: image_id, uri and bytes (or None). See `Tombstones.of_image`.
        """
        return removed_from(rows, read_tombstones(self))

    def ensure_vectors(self, encoder: str, dim: int, *, half: bool = False) -> str:
        """The vector table of `encoder`, created when missing; with `half` its features are float16.

        Raises InvalidInputError for another dim, or where `half` is asked of a table of float32.
        """
        wanted = vectors_schema(dim, encoder=encoder, half=half)
        return ensure_vector_table(self, vectors_table(encoder), wanted)

    def ensure_views(self, encoder: str, dim: int, augment: str = "mild") -> str:
        """The table of augmented-view features of `encoder`, created when missing, as `ensure_vectors`."""
        return ensure_vector_table(self, views_table(encoder, augment), views_schema(dim, encoder=encoder))

    def set_vector_column(
        self,
        table: str,
        column: str,
        compute: Callable[[pa.RecordBatch], np.ndarray],
        *,
        dim: int | None = None,
    ) -> int:
        """Add or refresh a mapped column from batches of (item_id, item_kind, base).

        `compute` returns (rows, dim) float32 for a batch; `dim` is that of `base` when left out. A column
        of another width is replaced. Returns the rows whose vector changed.
        """
        return set_column(self, table, column, compute, dim)

    def record_failures(self, stage: str, failures: Sequence[Failure], *, source: str = "") -> None:
        """Store what `stage` left out of `source`; the newest reason of an item counts."""
        record_failures(self, stage, failures, source=source)

    def failed_items(self, stage: str, source: str = "") -> set[str]:
        """The items of `source` that `stage` left out."""
        return failed_items(self, stage, source)

    def forget_failures(self, stage: str, items: Iterable[str], *, source: str = "") -> None:
        """Delete the failures of `items`: they worked when tried again, or are there no more."""
        forget_failures(self, stage, items, source=source)

    def tag(self, name: str) -> Tag:
        """Name the newest version of every table; compaction keeps tagged versions.

        Raises InvalidInputError for a name that SQL would have to quote, ConflictError when the tag exists.
        """
        return create_tag(self, name)

    def tags(self) -> list[Tag]:
        """Every tag, oldest first."""
        return list_tags(self)

    def file(self, *parts: str) -> Path:
        """The path of a side file (ONNX models): `<store>/files/...`. Local stores only."""
        return self.layout.file(*parts)

    def read_file(self, parts: Sequence[str]) -> bytes:
        """The bytes of a side file. Raises FileNotFoundError."""
        return files_of(self.layout).read(self.layout.side_name(*parts))

    def write_file(self, parts: Sequence[str], data: bytes) -> str:
        """Write a side file whole or not at all. Returns its path or URI."""
        files_of(self.layout).write(self.layout.side_name(*parts), data)
        return self.file_uri(parts)

    def file_uri(self, parts: Sequence[str]) -> str:
        """The path or URI of a side file."""
        return f"{self.uri}/{self.layout.side_name(*parts)}"
