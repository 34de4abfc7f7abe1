"""Reading and writing the Lance tables of one store by name, key and version."""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lance
import pyarrow as pa

from .columns import blob_columns, key_columns
from .errors import ConflictError, InvalidInputError, NotFoundError
from .files import RemoteFiles, files_of
from .known_keys import known_keys
from .layout import SUFFIX, Layout
from .lookup import rows_with
from .opened import newest_versions, open_table, open_version
from .rows import Rows, validate_rows
from .upsert import upsert

STORAGE_VERSION = "2.1"  # the newest whose blobs are plain large_binary; 2.0 cannot filter `bytes IS NULL`
BLOB_ROWS = 32  # rows read at once when they carry blobs, which may be megabytes each


@dataclass(frozen=True)
class Tables:
    """The tables of one store. Keeps no table open: every call sees the newest version. Picklable."""

    layout: Layout

    @property
    def uri(self) -> str:
        """Where the store is: an absolute path or a remote URI."""
        return self.layout.uri

    @property
    def name(self) -> str:
        """The last part of `uri`: the store without where it is."""
        return self.uri.rpartition("/")[2]

    def tables(self) -> list[str]:
        """The names of all tables, sorted."""
        return list_tables(self.layout)

    def versions(self) -> dict[str, int]:
        """The newest version of each table."""
        return newest_versions({table: self.layout.table(table) for table in self.tables()})

    def dataset(self, table: str, version: int | None = None) -> lance.LanceDataset:
        """The Lance dataset of `table`: its newest version, or `version`, which is only to read.

        Raises NotFoundError.
        """
        try:
            uri = self.layout.table(table)
            return open_table(uri) if version is None else open_version(uri, version)
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
        """Insert the rows whose key is new; with `update` also replace, whole, those whose key is stored.

        Safe beside other writers. Of rows with the same key the first counts, with `update` the last.

        Returns:
            Rows inserted or replaced by this call.

        Raises InvalidInputError for rows that do not fit the table (nothing is written), ConflictError
        when other writers won every attempt.
        """
        return self._upsert(table, validate_rows(table, self.schema(table), rows), update=update)

    def _upsert(self, table: str, rows: pa.Table, *, update: bool) -> int:
        """`upsert` of rows that fit the table."""
        return upsert(table, self.layout.table(table), rows, update=update) if rows.num_rows else 0

    def read(self, table: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Rows in memory. Blob columns are left out unless named, and are bytes then."""
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

    def count(self, table: str, where: str | None = None) -> int:
        """Rows of `table` that satisfy the SQL filter `where`."""
        return int(self.dataset(table).count_rows(where))

    def existing(self, table: str, ids: Sequence[str]) -> set[str]:
        """The ones of `ids` that the first key column of `table` holds."""
        dataset = self.dataset(table)
        key = key_columns(dataset.schema)[0]
        return set(rows_with(dataset, ids, [key])[key].to_pylist())

    def held(self, table: str, ids: Sequence[str]) -> set[str]:
        """`existing` for tables of one key column, for many calls: keys are read once and remembered."""
        dataset = self.dataset(table)
        key = dataset.schema.field(key_columns(dataset.schema)[0])
        rows = pa.table([pa.array(list(dict.fromkeys(ids)), key.type)], schema=pa.schema([key]))
        there = known_keys(self.layout.table(table)).held(dataset, rows)
        return set(rows.filter(there)[key.name].to_pylist())

    def _scanner(
        self, table: str, columns: Sequence[str] | None, where: str | None, batch_rows: int | None
    ) -> lance.LanceScanner:
        dataset = self.dataset(table)
        if columns is None:
            blob_names = blob_columns(dataset.schema)
            columns = [name for name in dataset.schema.names if name not in blob_names]
        unknown = [name for name in columns if name not in dataset.schema.names]
        if unknown:
            raise InvalidInputError(
                f"{table} has no column {', '.join(map(repr, unknown))}",
                hint=f"its columns are {', '.join(dataset.schema.names)}",
            )
        options: dict[str, int | str] = {} if batch_rows is None else {"batch_size": batch_rows}
        if set(columns) & set(blob_columns(dataset.schema)):  # rows can be megabytes: read few ahead
            size = min(batch_rows or BLOB_ROWS, BLOB_ROWS)
            options = {"batch_size": size, "batch_readahead": 2, "blob_handling": "all_binary"}
        # Else blobs stay descriptions: a filter on one (`bytes is not null`) would read every byte of it.
        return dataset.scanner(columns=list(columns), filter=where, **options)


def list_tables(layout: Layout) -> list[str]:
    """The names of all tables, sorted."""
    if not layout.local:  # a table there is made by one request: what has a name has a version
        names = files_of(layout).folders()
        return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    found = Path(layout.uri).glob(f"*{SUFFIX}/_versions")
    return sorted(path.parent.name.removesuffix(SUFFIX) for path in found if any(path.glob("*.manifest")))


def create_tables(layout: Layout, schemas: Mapping[str, pa.Schema]) -> None:
    """Create the empty tables that do not exist, in this order. Raises as `create_table`."""
    there = set(list_tables(layout))
    for table, schema in schemas.items():
        if table not in there:
            _create(layout, table, schema)


def create_table(layout: Layout, table: str, schema: pa.Schema) -> None:
    """Create an empty table unless it exists.

    Of two processes that create one Lance table at once the second can commit an overwrite, which would
    drop the rows inserted by then. So the table is made under another name, then given its own by what only
    one process can do: renaming a folder, or writing an object on condition that there is none.

    Raises ConflictError when something else has the table's path.
    """
    if table not in list_tables(layout):
        _create(layout, table, schema)


def _create(layout: Layout, table: str, schema: pa.Schema) -> None:
    """`create_table` of one that was not there a moment ago."""
    if not layout.local:
        _create_remote(layout, table, schema)
        return
    aside = Path(layout.uri, f".{table}.{uuid.uuid4().hex}.part")
    try:
        _write_empty(str(aside), schema)
        with contextlib.suppress(OSError):  # not empty: another process was first
            aside.rename(layout.table(table))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if table not in list_tables(layout):
        raise ConflictError(
            f"cannot create the table {layout.table(table)}",
            hint="is something else at that path? move it away and run `attribase init` again",
        )


def _create_remote(layout: Layout, table: str, schema: pa.Schema) -> None:
    """Write the manifest of the first version: the only file that an empty table needs."""
    with tempfile.TemporaryDirectory() as folder:
        _write_empty(f"{folder}/{table}", schema)
        (manifest,) = Path(folder, table, "_versions").glob("*.manifest")
        name = f"{table}{SUFFIX}/_versions/{manifest.name}"
        RemoteFiles(layout.uri).create(name, manifest.read_bytes())


def _write_empty(uri: str, schema: pa.Schema) -> None:
    lance.write_dataset(schema.empty_table(), uri, mode="create", data_storage_version=STORAGE_VERSION)


class ExternalDataset:
    """A Lance dataset outside of the store, to import rows from: its schema, size and rows by position."""

    def __init__(self, uri: str) -> None:
        try:
            self._dataset = lance.dataset(uri)
        except (ValueError, OSError) as error:
            raise InvalidInputError(
                f"{uri} is not a Lance dataset: {error}", hint="check the path"
            ) from error

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return self._dataset.schema

    @property
    def version(self) -> int:
        """The version that was opened."""
        return int(self._dataset.version)

    def count(self) -> int:
        """How many rows it has."""
        return int(self._dataset.count_rows())

    def rows(self, start: int, count: int, columns: Sequence[str]) -> pa.Table:
        """`count` rows from position `start`; blob columns come as bytes."""
        return self._dataset.scanner(
            columns=list(columns), offset=start, limit=count, blob_handling="all_binary"
        ).to_table()
