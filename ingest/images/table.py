"""Images in the rows of a table, such as a Parquet file or a Lance dataset."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

import pyarrow as pa

from ...store import InvalidInputError
from .columns import find_columns
from .source import ImageRecord, Unreadable, absolute

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
class TableSource:
    """Rows as images. An item is `<name>#<row>`; images may be structs of `bytes` and `path`, too.

    Attributes:
        name: of the table, in items and errors.
        state: values that change when the table does.
        where: column -> the values that rows must have there.
        uri_from: how to make a row's uri from its columns, where it has none.
        columns: part of an image -> its column, where the names do not tell.
    """

    name: str
    table: Rows
    state: Mapping[str, Any]
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    uri_from: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.table.schema.names
        self._columns = find_columns(self.name, names, self.columns)
        if self._columns["image"] is None and self._columns["uri"] is None:
            raise InvalidInputError(
                f"{self.name} has no column of image bytes or uris: {', '.join(names)}",
                hint="say which column it is: `--column image=COLUMN` or `--column uri=COLUMN`",
            )

    @property
    def location(self) -> str:
        """The path of the table, or `world`."""
        return absolute(self.name)

    def describe(self) -> Mapping[str, Any]:
        """The table and its state."""
        return {"table": self.name, **self.state, **self.where, **self.columns}

    def items(self) -> Sequence[str]:
        """Every row, or those that satisfy `where`."""
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
        data, uri = parts.pop("image"), parts.pop("uri")
        if isinstance(data, dict):
            uri = uri or data.get("path")
            data = data.get("bytes")
        if isinstance(data, str):
            data, uri = None, uri or data
        if data is None and not uri:
            return Unreadable("empty", "the row has neither bytes nor a uri")
        texts = {part: None if value is None else str(value) for part, value in parts.items()}
        default = self.uri_from.format_map(row) if self.uri_from else f"{self.name}#{number}"
        return ImageRecord(str(uri or default), data, metadata=_json_values(row), **texts)


def _json_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """The other columns, as far as their values are JSON."""
    kept = {}
    for name, value in row.items():
        if value is None or isinstance(value, bytes):
            continue
        try:
            kept[name] = json.loads(json.dumps(value, allow_nan=False, default=str))
        except ValueError:
            continue
    return kept
