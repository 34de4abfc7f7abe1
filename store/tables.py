"""Which tables a store has, and creating one while others may be creating it too."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import lance
import pyarrow as pa

from .errors import ConflictError, InvalidInputError
from .layout import SUFFIX, Layout
from .retries import with_retries

STORAGE_VERSION = "2.1"  # the newest whose blobs are plain large_binary; 2.0 cannot filter `bytes IS NULL`


def list_tables(layout: Layout) -> list[str]:
    """The names of all tables, sorted."""
    if not layout.local:
        return sorted(_remote_tables(layout.uri))
    found = Path(layout.uri).glob(f"*{SUFFIX}/_versions")
    return sorted(path.parent.name.removesuffix(SUFFIX) for path in found if any(path.glob("*.manifest")))


def _remote_tables(uri: str) -> Iterator[str]:
    """The tables under a remote prefix, page by page."""
    import lancedb  # seconds to import, and local stores never need it

    connection, token = lancedb.connect(uri), None
    while True:
        page = connection.list_tables(page_token=token)
        yield from page.tables
        token = page.page_token
        if not token:
            return


def create_table(layout: Layout, table: str, schema: pa.Schema) -> None:
    """Create an empty table unless it is there.

    Of two processes that create one Lance table at once the second can commit an overwrite, which would
    drop what others have inserted by then. So a local table is made aside and renamed: only the first
    rename succeeds. Remote stores have no rename: create them, and their vector tables, from one process.
    """
    if table in list_tables(layout):
        return
    if not layout.local:
        _write_empty(layout.table(table), schema)
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
            hint="is something else in its place? move it away and run `attribase init` again",
        )


def _write_empty(uri: str, schema: pa.Schema) -> None:
    lance.write_dataset(schema.empty_table(), uri, mode="create", data_storage_version=STORAGE_VERSION)


def add_later_columns(layout: Layout, table: str, schema: pa.Schema) -> None:
    """Give a table that an older version made the columns that `schema` has gained since, all null."""

    def commit() -> None:
        dataset = lance.dataset(layout.table(table))
        later = [field for field in schema if field.name not in dataset.schema.names]
        if later:
            dataset.add_columns(pa.schema(later))

    with_retries(f"adding columns to {table}", commit)


class ForeignDataset:
    """A Lance dataset somewhere else: its schema, its size, and rows by their position."""

    def __init__(self, uri: str) -> None:
        try:
            self._dataset = lance.dataset(uri)
        except (ValueError, OSError) as error:
            raise InvalidInputError(f"{uri} is no Lance dataset: {error}", hint="check the path") from error

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return self._dataset.schema

    @property
    def version(self) -> int:
        """The version that is read."""
        return int(self._dataset.version)

    def count(self) -> int:
        """How many rows it has."""
        return int(self._dataset.count_rows())

    def rows(self, start: int, count: int, columns: Sequence[str]) -> pa.Table:
        """`count` rows from position `start`; blob columns come as bytes."""
        return self._dataset.scanner(
            columns=list(columns), offset=start, limit=count, blob_handling="all_binary"
        ).to_table()
