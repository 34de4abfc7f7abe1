"""The column types of every table, and which columns of a schema are keys or blobs.

Types are those that Lance filters, DuckDB and polars all read: string, int32/64, float32/64, bool, timestamp,
list<string>, fixed-size float32 vectors and blobs. Keys are never null. Timestamps are UTC without a zone.
JSON columns are strings.
"""

from datetime import UTC, datetime

import pyarrow as pa

BLOB_METADATA = {b"lance-encoding:blob": b"true"}
TIMESTAMP = pa.timestamp("us")
STRINGS = pa.list_(pa.string())


def key(name: str, kind: pa.DataType = pa.string(), position: int = 1) -> pa.Field:  # noqa: B008
    """A key column. Lance does not enforce that keys are unique: upsert.py does."""
    metadata = {
        b"lance-schema:unenforced-primary-key": b"true",
        b"lance-schema:unenforced-primary-key:position": str(position).encode(),
    }
    return pa.field(name, kind, nullable=False, metadata=metadata)


def text(name: str, *, null: bool = True) -> pa.Field:
    """A string column."""
    return pa.field(name, pa.string(), nullable=null)


def blob(name: str) -> pa.Field:
    """Large bytes, stored apart from the row: a scan reads them only when the column is named."""
    return pa.field(name, pa.large_binary(), metadata=BLOB_METADATA)


def key_columns(schema: pa.Schema) -> list[str]:
    """The key columns of a table, in key order (which is their column order)."""
    marker = b"lance-schema:unenforced-primary-key"
    return [field.name for field in schema if (field.metadata or {}).get(marker) == b"true"]


def blob_columns(schema: pa.Schema) -> list[str]:
    """The columns that are stored as blobs."""
    return [field.name for field in schema if (field.metadata or {}).get(b"lance-encoding:blob") == b"true"]


def utc_now() -> datetime:
    """The current time as TIMESTAMP columns hold it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
