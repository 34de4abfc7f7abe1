"""Images in the rows of a Parquet file or a Lance dataset."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ...store import InvalidInputError
from .source import ImageRecord, Unreadable

# What the columns may be called; the first that is there counts. Others go into the metadata.
NAMES: Mapping[str, Sequence[str]] = {
    "data": ("bytes", "image", "image_bytes", "data", "jpg", "png", "webp"),
    "uri": ("uri", "url", "path", "file_name", "filename"),
    "caption": ("caption", "text", "TEXT", "prompt"),
    "category": ("category", "label", "class"),
    "creator": ("creator", "artist", "author"),
    "license": ("license", "licence"),
}
READ_ROWS = 256


class Rows(Protocol):
    """Rows of a table by position."""

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""

    def count(self) -> int:
        """How many rows it has."""

    def rows(self, start: int, count: int, columns: Sequence[str]) -> pa.Table:
        """Consecutive rows."""


@dataclass
class ParquetRows:
    """A Parquet file, read a row group at a time; the last one is kept."""

    path: Path
    _kept: tuple[int, tuple[str, ...], pa.Table] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            self._file = pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise InvalidInputError(
                f"{self.path} is no Parquet file: {error}", hint="check the path"
            ) from error
        metadata = self._file.metadata
        sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        self._starts = [sum(sizes[:index]) for index in range(len(sizes))]
        self._sizes = sizes

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return self._file.schema_arrow

    def count(self) -> int:
        """How many rows it has."""
        return int(self._file.metadata.num_rows)

    def rows(self, start: int, count: int, columns: Sequence[str]) -> pa.Table:
        """Consecutive rows, from as many row groups as they lie in."""
        parts = []
        for group, (first, size) in enumerate(zip(self._starts, self._sizes, strict=True)):
            begin, end = max(start, first), min(start + count, first + size)
            if begin < end:
                parts.append(self._group(group, tuple(columns)).slice(begin - first, end - begin))
        return pa.concat_tables(parts)

    def _group(self, group: int, columns: tuple[str, ...]) -> pa.Table:
        if self._kept is None or self._kept[:2] != (group, columns):
            self._kept = (group, columns, self._file.read_row_group(group, columns=list(columns)))
        return self._kept[2]


@dataclass
class TableSource:
    """Rows as images. An item is `<name>#<row>`; images may be structs of `bytes` and `path`, too.

    Attributes:
        name: what items and errors call the table.
        state: tells one state of the table from another.
        where: column -> the values that rows must have there.
        uri_from: how to make a row's uri from its columns, where it has none.
    """

    name: str
    table: Rows
    state: Mapping[str, Any]
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    uri_from: str = ""

    def __post_init__(self) -> None:
        names = self.table.schema.names
        self._columns = {
            part: next((name for name in known if name in names), None) for part, known in NAMES.items()
        }
        if self._columns["data"] is None and self._columns["uri"] is None:
            raise InvalidInputError(
                f"{self.name} has no column of image bytes or uris: {', '.join(names)}",
                hint=f"name the column one of {', '.join((*NAMES['data'], *NAMES['uri'][:3]))}",
            )

    def describe(self) -> Mapping[str, Any]:
        """The table and its state."""
        return {"table": self.name, **self.state, **self.where}

    def items(self) -> Sequence[str]:
        """Every row, or those whose columns are as `where` says."""
        count = self.table.count()
        if not self.where:
            return [f"{self.name}#{row}" for row in range(count)]
        columns = self.table.rows(0, count, list(self.where)).to_pydict()
        wanted = [columns[name] for name in self.where]
        rows = [row for row, values in enumerate(zip(*wanted, strict=True)) if self._is_wanted(values)]
        return [f"{self.name}#{row}" for row in rows]

    def _is_wanted(self, values: Sequence[Any]) -> bool:
        return all(value in allowed for value, allowed in zip(values, self.where.values(), strict=True))

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Rows, consecutive ones together."""
        numbers = [int(item.rpartition("#")[2]) for item in items]
        for _, run in groupby(enumerate(numbers), lambda pair: (pair[1] - pair[0], pair[0] // READ_ROWS)):
            rows = [number for _, number in run]
            found = self.table.rows(rows[0], len(rows), self.table.schema.names)
            for number, row in zip(rows, found.to_pylist(), strict=True):
                yield f"{self.name}#{number}", self._record(number, row)

    def _record(self, number: int, row: dict[str, Any]) -> ImageRecord | Unreadable:
        parts: dict[str, Any] = {
            part: row.pop(name) if name else None for part, name in self._columns.items()
        }
        data, uri = parts.pop("data"), parts.pop("uri")
        if isinstance(data, dict):
            uri = uri or data.get("path")
            data = data.get("bytes")
        if isinstance(data, str):
            data, uri = None, uri or data
        if data is None and not uri:
            return Unreadable("empty", "the row has neither bytes nor a uri")
        texts = {part: None if value is None else str(value) for part, value in parts.items()}
        made = self.uri_from.format_map(row) if self.uri_from else f"{self.name}#{number}"
        return ImageRecord(str(uri or made), data, metadata=_plain(row), **texts)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The other columns that JSON can say."""
    kept = {}
    for name, value in row.items():
        if value is None or isinstance(value, bytes):
            continue
        try:
            kept[name] = json.loads(json.dumps(value, allow_nan=False, default=str))
        except ValueError:
            continue
    return kept
