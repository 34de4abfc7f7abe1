"""A Lance table as DuckDB sees it: the columns that SQL can read, scanned with projection and filter.

DuckDB reads any pyarrow Dataset by calling `scanner(columns=, filter=)`, so a thin subclass decides what
a query may touch. Verified with DuckDB 2.0, Lance 14 and pyarrow 26: a float16 column fails as soon as the
dataset is registered, a blob column as soon as it is projected.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pds


class SqlDataset(pds.Dataset):  # type: ignore[misc]
    """A Lance dataset without its blobs, with float16 read as float32, and with columns that came later.

    A version from before a column was added has it as null, so that one query reads them all.

    Projection and filter go down to Lance. A filter that Lance refuses (DuckDB does not apply it again) is
    applied by pyarrow on the scanned columns: slower, with the same rows.
    """

    def __init__(self, dataset: Any, wanted: pa.Schema | None = None) -> None:
        """`dataset` at one version; `wanted`: the columns that its table has today."""
        # No super().__init__: pyarrow forbids it, and Lance's own dataset class does the same.
        self._dataset = dataset
        own = [_readable(field) for field in dataset.schema if not _is_blob(field)]
        later = [field for field in wanted or () if field.nullable and field.name not in dataset.schema.names]
        self._schema = pa.schema([*own, *(_readable(field) for field in later if not _is_blob(field))])
        self._later = frozenset(field.name for field in later)

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
        if filter is not None and not self._lance_accepts(filter):
            return self._filter_in_pyarrow(names, filter)
        scan = self._dataset.scanner(columns=self._stored(names), filter=filter, **options)
        return scan if self._as_stored(names) else self._to_sql_types(scan.to_batches(), names)

    def _stored(self, names: list[str]) -> list[str]:
        """Those of `names` that this version has; any one where it has none, which says how many rows."""
        if not self._later.intersection(names):
            return names
        return [name for name in names if name not in self._later] or [self._schema.names[0]]

    def _lance_accepts(self, condition: Any) -> bool:
        """Whether Lance can evaluate a filter: it refuses some when they are set, others when planned."""
        try:
            self._dataset.scanner(columns=[], filter=condition, with_row_id=True).explain_plan()
        except (pa.ArrowException, ValueError, TypeError, OSError):
            return False
        return True

    def _as_stored(self, names: list[str]) -> bool:
        stored = self._dataset.schema
        return not self._later.intersection(names) and all(
            self._schema.field(name).type == stored.field(name).type for name in names
        )

    def _to_sql_types(self, batches: Iterator[pa.RecordBatch], names: list[str], **options: Any) -> Any:
        """A scanner of `batches` cast to the types that SQL sees."""
        schema = pa.schema([self._schema.field(name) for name in names])

        def cast(batch: pa.RecordBatch) -> pa.RecordBatch:
            columns = [
                pa.nulls(batch.num_rows, field.type)
                if field.name in self._later
                else batch[field.name].cast(field.type)
                for field in schema
            ]
            return pa.RecordBatch.from_arrays(columns, schema=schema)

        return pds.Scanner.from_batches((cast(batch) for batch in batches), schema=schema, **options)

    def _filter_in_pyarrow(self, names: list[str], condition: Any) -> Any:
        # A pyarrow expression does not list the columns it names, so all are read.
        readable = list(self._schema.names)
        batches = self._dataset.scanner(columns=self._stored(readable)).to_batches()
        return self._to_sql_types(batches, readable, filter=condition, columns=names)


def _is_blob(field: pa.Field) -> bool:
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind.extension_name).startswith("lance.blob")
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _readable(field: pa.Field) -> pa.Field:
    """The field with float16 as float32, also inside (fixed-size) lists."""
    return pa.field(field.name, _without_float16(field.type), nullable=True)


def _without_float16(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_fixed_size_list(kind) and pa.types.is_float16(kind.value_type):
        return pa.list_(pa.float32(), kind.list_size)
    if pa.types.is_list(kind) and pa.types.is_float16(kind.value_type):
        return pa.list_(pa.float32())
    return kind
