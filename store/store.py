"""The store: one directory (or `s3://` prefix) of Lance tables, written by key and read by version."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa

from . import jobs as failure_log
from . import lookup as blob_reading
from . import schema, vectors
from . import tags as tagging
from .errors import InvalidInputError, NotFoundError
from .jobs import Jobs
from .layout import Layout, not_a_store, write_atomically
from .lookup import rows_with
from .tables import add_later_columns, create_table, list_tables
from .upsert import Rows, conform, upsert

BLOB_ROWS = 32  # read at once when they carry blobs


@dataclass(frozen=True)
class Store:
    """An open store. Cheap: it holds no table open, every call sees the newest version. Picklable."""

    layout: Layout

    @classmethod
    def create(cls, uri: str | Path) -> "Store":
        """The store at `uri`, created with all fixed tables when it is not there.

        Safe to run again, at once from many processes, and after a kill.

        Raises ConflictError for a newer format.
        """
        store = cls(Layout.of(uri))
        if store.layout.marked():
            store.layout.check_marker()
        store.layout.make_folder()
        for table, wanted in schema.TABLES.items():
            create_table(store.layout, table, wanted)
        store.layout.write_marker()
        return cls.open(uri)

    @classmethod
    def open(cls, uri: str | Path) -> "Store":
        """The store at `uri`. Raises NotFoundError when there is none, ConflictError for a newer format."""
        store = cls(Layout.of(uri))
        store.layout.check_marker()
        if not store.layout.local and "jobs" not in store.tables():
            raise not_a_store(store.uri)
        return store

    @property
    def uri(self) -> str:
        """Where the store is: an absolute path or a remote URI."""
        return self.layout.uri

    @property
    def jobs(self) -> Jobs:
        """The jobs of this store."""
        return Jobs(self)

    def tables(self) -> list[str]:
        """The names of all tables, sorted."""
        return list_tables(self.layout)

    def versions(self) -> dict[str, int]:
        """The newest version of each table."""
        return {table: int(self.dataset(table).version) for table in self.tables()}

    def dataset(self, table: str, version: int | None = None) -> lance.LanceDataset:
        """The Lance dataset of `table`, at `version` when given. Raises NotFoundError."""
        try:
            return lance.dataset(self.layout.table(table), version=version)
        except (ValueError, OSError) as error:
            if table not in self.tables():
                raise NotFoundError(
                    f"there is no table {table!r} in {self.uri}", hint=f"there are {', '.join(self.tables())}"
                ) from error
            if version is None or "not found" not in str(error).lower():
                raise
            raise NotFoundError(
                f"{table} has no version {version}", hint="old versions go when a store is compacted"
            ) from error

    def schema(self, table: str) -> pa.Schema:
        """The Arrow schema of `table`. Raises NotFoundError."""
        return self.dataset(table).schema

    def upsert(self, table: str, rows: Rows, *, update: bool = False) -> int:
        """Insert the rows whose key is new; with `update` also replace, whole, those whose key is there.

        Safe beside other writers. Of rows that name one key twice the first counts, with `update` the last.
        A table from before its newest columns gets them first.

        Returns:
            Rows inserted or replaced by this call.

        Raises InvalidInputError for rows that do not fit the table (nothing is written), ConflictError
        when other writers won too often.
        """
        if table in schema.TABLES and set(schema.TABLES[table].names) - set(self.schema(table).names):
            add_later_columns(self.layout, table, schema.TABLES[table])
        fitting = conform(table, self.schema(table), rows)
        return upsert(table, self.layout.table(table), fitting, update=update) if fitting.num_rows else 0

    def read(self, table: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Rows in memory. Blob columns are left out unless named, and then come as bytes."""
        return self._scanner(table, columns, where, None).to_table()

    def scan(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        batch_rows: int = 1024,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of one version, at most `batch_rows` at a time. Columns as for `read`."""
        yield from self._scanner(table, columns, where, batch_rows).to_batches()

    def blobs(self, table: str, column: str, ids: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """(id, bytes or None) for each of `ids`, in the order asked, streamed. Raises NotFoundError."""
        return self.locate_blobs(table, column, ids).read(ids)

    def locate_blobs(self, table: str, column: str, ids: Sequence[str]) -> blob_reading.BlobRows:
        """Find the blobs of `ids` once, to read them piece by piece. Raises NotFoundError."""
        return blob_reading.locate(table, self.dataset(table), column, ids)

    def count(self, table: str, where: str | None = None) -> int:
        """Rows of `table` that satisfy the SQL filter `where`."""
        return int(self.dataset(table).count_rows(where))

    def existing(self, table: str, ids: Sequence[str]) -> set[str]:
        """Which of `ids` the first key column of `table` holds."""
        dataset = self.dataset(table)
        key = schema.key_columns(dataset.schema)[0]
        return set(rows_with(dataset, ids, [key])[key].to_pylist())

    def ensure_vectors(self, encoder: str, dim: int) -> str:
        """The vector table of `encoder`, created when missing. Raises InvalidInputError for another dim."""
        return vectors.ensure(self, schema.vectors_table(encoder), schema.vectors(dim, encoder=encoder))

    def ensure_views(self, encoder: str, dim: int) -> str:
        """The table of augmented-view features of `encoder`, created when missing, as `ensure_vectors`."""
        return vectors.ensure(self, schema.views_table(encoder), schema.views(dim, encoder=encoder))

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
        return vectors.set_column(self, table, column, compute, dim)

    def record_failures(self, stage: str, failures: Sequence[tuple[str, str, str]]) -> None:
        """Keep (item, reason, detail) of what `stage` left out; the newest reason of an item counts."""
        failure_log.record_failures(self, stage, failures)

    def forget_failures(self, stage: str, items: Sequence[str]) -> None:
        """Drop what is recorded of `items` under `stage`, because they worked when tried again."""
        failure_log.forget_failures(self, stage, items)

    def tag(self, name: str) -> tagging.Tag:
        """Name the newest version of every table; tagged versions outlive compaction.

        Raises InvalidInputError for a name that SQL cannot use, ConflictError when the tag is there.
        """
        return tagging.create_tag(self, name)

    def tags(self) -> list[tagging.Tag]:
        """Every tag, oldest first."""
        return tagging.list_tags(self)

    def file(self, *parts: str) -> Path:
        """The path of a side file (ONNX models): `<store>/files/...`. Local stores only."""
        return self.layout.file(*parts)

    def write_file(self, parts: Sequence[str], data: bytes) -> Path:
        """Write a side file whole or not at all. Returns its path."""
        path = self.file(*parts)
        write_atomically(path, data)
        return path

    def _scanner(
        self, table: str, columns: Sequence[str] | None, where: str | None, batch_rows: int | None
    ) -> lance.LanceScanner:
        dataset = self.dataset(table)
        if columns is None:
            blob_names = schema.blob_columns(dataset.schema)
            columns = [name for name in dataset.schema.names if name not in blob_names]
        unknown = [name for name in columns if name not in dataset.schema.names]
        if unknown:
            raise InvalidInputError(
                f"{table} has no column {', '.join(map(repr, unknown))}",
                hint=f"its columns are {', '.join(dataset.schema.names)}",
            )
        options: dict[str, int | str] = {} if batch_rows is None else {"batch_size": batch_rows}
        if set(columns) & set(schema.blob_columns(dataset.schema)):  # rows may be megabytes: read few ahead
            size = min(batch_rows or BLOB_ROWS, BLOB_ROWS)
            options = {"batch_size": size, "batch_readahead": 2, "blob_handling": "all_binary"}
        # Else blobs stay descriptions: a filter on one (`bytes is not null`) would read every byte of it.
        return dataset.scanner(columns=list(columns), filter=where, **options)
