"""The rows of Parquet and Arrow files and Lance datasets, for `TableSource`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from .files import DataFile, unreadable_file
from .rows import ForwardRows, Row
from .source import Unreadable

BATCH_ROWS = 16  # rows can be images of megabytes


class ParquetRows(ForwardRows):
    """A Parquet file, a few rows at a time, however large its row groups are."""

    def __init__(self, file: DataFile) -> None:
        super().__init__()
        self.file = file
        try:
            self._parquet = pq.ParquetFile(file.open(), pre_buffer=False, buffer_size=1 << 20)
            schema = self._parquet.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise unreadable_file(file, "a Parquet file", error) from error
        metadata = self._parquet.metadata
        self._sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        self._starts = [0, *accumulate(self._sizes)][:-1]
        self.columns: Sequence[str] = schema.names
        self.labels = class_names(schema)

    def count(self) -> int:
        """How many rows it has."""
        return int(self._parquet.metadata.num_rows)

    def _read_from(self, start: int, columns: tuple[str, ...]) -> Iterator[Row]:
        for group, (first, size) in enumerate(zip(self._starts, self._sizes, strict=True)):
            if start < first + size:
                yield from self._read_group(group, max(start - first, 0), list(columns or self.columns))

    def _read_group(self, group: int, skipped: int, columns: list[str]) -> Iterator[Row]:
        position, size = 0, self._sizes[group]
        try:
            for batch in self._parquet.iter_batches(
                BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False
            ):
                position += batch.num_rows
                kept = min(position - skipped, batch.num_rows)
                if kept > 0:
                    yield from to_rows(pa.table(batch.slice(batch.num_rows - kept)))
        except (pa.ArrowException, OSError) as error:
            if self.file.filesystem is not None:  # the network: nothing is lost, the job can go on later
                raise unreadable_file(self.file, "read to its end", error) from error
            lost = Unreadable("unreadable", f"a damaged page: {error}", "download the file again")
            yield from (lost for _ in range(max(position, skipped), size))


class ArrowRows(ForwardRows):
    """A file of Arrow batches, such as those that `save_to_disk` of Hugging Face datasets writes."""

    def __init__(self, file: DataFile) -> None:
        super().__init__()
        self.file = file
        try:
            with file.open() as opened:
                schema, batches = _batches(opened)
                self._count: int = sum(batch.num_rows for batch in batches)
        except (pa.ArrowException, OSError) as error:
            raise unreadable_file(file, "an Arrow file", error) from error
        self.columns: Sequence[str] = schema.names
        self.labels = class_names(schema)

    def count(self) -> int:
        """How many rows it has."""
        return self._count

    def _read_from(self, start: int, columns: tuple[str, ...]) -> Iterator[Row]:
        position = 0
        with self.file.open() as opened:
            try:
                for batch in _batches(opened)[1]:
                    first = max(start - position, 0)
                    position += batch.num_rows
                    for at in range(first, batch.num_rows, BATCH_ROWS):
                        table = pa.table(batch.slice(at, BATCH_ROWS))
                        yield from to_rows(table.select(list(columns or self.columns)))
            except (pa.ArrowException, OSError) as error:
                raise unreadable_file(self.file, "read to its end", error) from error


def _batches(opened: BinaryIO) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The batches of a stream, or of Arrow's file format, which has them with an index."""
    if opened.read(6) == b"ARROW1":
        reader = pa.ipc.open_file(opened)
        return reader.schema, map(reader.get_batch, range(reader.num_record_batches))
    opened.seek(0)
    stream = pa.ipc.open_stream(opened)
    return stream.schema, iter(stream)


class LanceRows:
    """A Lance dataset."""

    def __init__(self, name: str) -> None:
        from ....store.tables import ExternalDataset

        self._dataset = ExternalDataset(name)
        self.columns: Sequence[str] = self._dataset.schema.names
        self.labels = class_names(self._dataset.schema)

    @property
    def version(self) -> int:
        """The version that was opened."""
        return self._dataset.version

    def count(self) -> int:
        """How many rows it has."""
        return self._dataset.count()

    def rows(self, start: int, count: int, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Consecutive rows; with `columns` only those."""
        for first in range(start, start + count, BATCH_ROWS):
            size = min(BATCH_ROWS, start + count - first)
            yield from to_rows(self._dataset.rows(first, size, list(columns or self.columns)))


def to_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as Python values. Times lose what is below a microsecond, which Python cannot hold."""
    for index, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            wanted = pa.timestamp("us", column.type.tz)
        elif pa.types.is_duration(column.type) and column.type.unit == "ns":
            wanted = pa.duration("us")
        elif pa.types.is_time64(column.type) and column.type.unit == "ns":
            wanted = pa.time64("us")
        else:
            continue
        table = table.set_column(index, column.name, table.column(index).cast(wanted, safe=False))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """By column of class numbers, the names of the classes, as Hugging Face keeps them in the schema."""
    try:
        info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = dict(info["info"]["features"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    found = {name: _names_of(feature) for name, feature in features.items()}
    return {name: names for name, names in found.items() if names}


def _names_of(feature: Any) -> list[str]:
    """The names of a ClassLabel, or of a list of them."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_of(feature[0])
    if not isinstance(feature, Mapping):
        return []
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return (
        _names_of(feature.get("feature")) if feature.get("_type") in ("Sequence", "List", "LargeList") else []
    )
