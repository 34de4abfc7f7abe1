"""The kinds of columns that tables are made of."""

import pyarrow as pa

BLOB_METADATA = {b"lance-encoding:blob": b"true"}
TIMESTAMP = pa.timestamp("us")
STRINGS = pa.list_(pa.string())


def key(name: str, kind: pa.DataType = pa.string(), position: int = 1) -> pa.Field:  # noqa: B008
    """A key column. Lance calls it unenforced: only `merge_insert` without an index keeps it unique."""
    metadata = {
        b"lance-schema:unenforced-primary-key": b"true",
        b"lance-schema:unenforced-primary-key:position": str(position).encode(),
    }
    return pa.field(name, kind, nullable=False, metadata=metadata)


def text(name: str, *, null: bool = True) -> pa.Field:
    """A string column."""
    return pa.field(name, pa.string(), nullable=null)


def blob(name: str) -> pa.Field:
    """Large bytes, stored apart from the row: scans do not pay for them unless they are named."""
    return pa.field(name, pa.large_binary(), metadata=BLOB_METADATA)


def key_columns(schema: pa.Schema) -> list[str]:
    """The key columns of a table, in key order (which is their column order)."""
    marker = b"lance-schema:unenforced-primary-key"
    return [field.name for field in schema if (field.metadata or {}).get(marker) == b"true"]


def blob_columns(schema: pa.Schema) -> list[str]:
    """The columns that are stored as blobs."""
    return [field.name for field in schema if (field.metadata or {}).get(b"lance-encoding:blob") == b"true"]
