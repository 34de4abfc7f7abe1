"""What DuckDB sees of one Lance table: the columns it can read, scanned with its projection and filter.

DuckDB reads any pyarrow Dataset by calling `scanner(columns=, filter=)`, so a thin subclass decides what
a query may touch. Verified with DuckDB 2.0, Lance 14 and pyarrow 26: a float16 column fails as soon as the
dataset is registered, a blob column as soon as it is projected.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pds


class Relation(pds.Dataset):  # type: ignore[misc]
    """A Lance dataset without its blobs and with float16 read as float32.

    Projection and filter go down to Lance. A filter that Lance refuses (DuckDB relies on its being
    applied) is applied by pyarrow on the scanned columns instead: slower, never wrong.
    """

    def __init__(self, dataset: Any) -> None:
        # No super().__init__: pyarrow forbids it, and Lance's own dataset class does the same.
        self._dataset = dataset
        self._schema = pa.schema([_readable(field) for field in dataset.schema if not _is_blob(field)])

    @property
    def schema(self) -> pa.Schema:
        """The columns that SQL can name."""
        return self._schema

    def scanner(
        self,
        columns: list[str] | None = None,
        filter: Any = None,  # noqa: A002
        **options: Any,
    ) -> Any:
        """A scanner of `columns` (all readable ones by default) of the rows where `filter` holds."""
        names = list(self._schema.names) if columns is None else list(columns)
        if filter is not None and self._refuses(filter):
            return self._filtered_here(names, filter)
        scan = self._dataset.scanner(columns=names, filter=filter, **options)
        return scan if self._same_types(names) else self._cast(scan.to_batches(), names)

    def _refuses(self, condition: Any) -> bool:
        """Whether Lance cannot evaluate a filter; it tells some when they are set, others when planned."""
        try:
            self._dataset.scanner(columns=[], filter=condition, with_row_id=True).explain_plan()
        except (pa.ArrowException, ValueError, TypeError, OSError):
            return True
        return False

    def _same_types(self, names: list[str]) -> bool:
        return all(self._schema.field(name).type == self._dataset.schema.field(name).type for name in names)

    def _cast(self, batches: Iterator[pa.RecordBatch], names: list[str], **options: Any) -> Any:
        schema = pa.schema([self._schema.field(name) for name in names])
        return pds.Scanner.from_batches((batch.cast(schema) for batch in batches), schema=schema, **options)

    def _filtered_here(self, names: list[str], condition: Any) -> Any:
        everything = list(self._schema.names)  # which columns a pyarrow expression names cannot be asked
        batches = self._dataset.scanner(columns=everything).to_batches()
        return self._cast(batches, everything, filter=condition, columns=names)


def _is_blob(field: pa.Field) -> bool:
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind.extension_name).startswith("lance.blob")
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _readable(field: pa.Field) -> pa.Field:
    """The field with float16 as float32, also inside (fixed-size) lists."""
    return pa.field(field.name, _widened(field.type), nullable=True)


def _widened(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_fixed_size_list(kind) and pa.types.is_float16(kind.value_type):
        return pa.list_(pa.float32(), kind.list_size)
    if pa.types.is_list(kind) and pa.types.is_float16(kind.value_type):
        return pa.list_(pa.float32())
    return kind
