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
    """A Lance dataset without its blobs, with float16 read as float32, and later columns as nulls.

    Projection and filter go down to Lance. A filter that Lance refuses (DuckDB relies on its being
    applied) is applied by pyarrow on the scanned columns instead: slower, never wrong.
    """

    def __init__(self, dataset: Any, today: pa.Schema | None = None) -> None:
        """`today`: columns that the table has by now and an older version of it may lack."""
        # No super().__init__: pyarrow forbids it, and Lance's own dataset class does the same.
        self._dataset = dataset
        self._stored = set(dataset.schema.names)
        later = [field for field in today or () if field.name not in self._stored]
        fields = [_readable(field) for field in (*dataset.schema, *later) if not _is_blob(field)]
        self._schema = pa.schema(fields)

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
        there = [name for name in names if name in self._stored]
        scan = self._dataset.scanner(columns=there, filter=filter, **options)
        return scan if self._as_stored(names) else self._completed(scan.to_batches(), names)

    def _refuses(self, condition: Any) -> bool:
        """Whether Lance cannot evaluate a filter; it tells some when they are set, others when planned."""
        try:
            self._dataset.scanner(columns=[], filter=condition, with_row_id=True).explain_plan()
        except (pa.ArrowException, ValueError, TypeError, OSError):
            return True
        return False

    def _as_stored(self, names: list[str]) -> bool:
        stored = self._dataset.schema
        return all(
            name in self._stored and self._schema.field(name).type == stored.field(name).type
            for name in names
        )

    def _completed(self, batches: Iterator[pa.RecordBatch], names: list[str], **options: Any) -> Any:
        """A scanner of `batches` with the types that SQL sees, and nulls for columns that came later."""
        schema = pa.schema([self._schema.field(name) for name in names])

        def complete(batch: pa.RecordBatch) -> pa.RecordBatch:
            columns = [
                batch[field.name].cast(field.type)
                if field.name in self._stored
                else pa.nulls(batch.num_rows, field.type)
                for field in schema
            ]
            return pa.RecordBatch.from_arrays(columns, schema=schema)

        return pds.Scanner.from_batches((complete(batch) for batch in batches), schema=schema, **options)

    def _filtered_here(self, names: list[str], condition: Any) -> Any:
        everything = list(self._schema.names)  # which columns a pyarrow expression names cannot be asked
        stored = [name for name in everything if name in self._stored]
        batches = self._dataset.scanner(columns=stored).to_batches()
        return self._completed(batches, everything, filter=condition, columns=names)


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
