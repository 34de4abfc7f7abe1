"""Rows of a table by position, read forward."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeAlias

from .source import Unreadable

SKIPPED_ROWS = 256
"""How many rows are read and dropped rather than the table opened again."""

Row: TypeAlias = dict[str, Any] | Unreadable


class Rows(Protocol):
    """A table, whatever its format."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """By column of class numbers, the names of the classes."""

    def count(self) -> int:
        """How many rows it has, readable or not."""

    def rows(self, start: int, count: int, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Consecutive rows; with `columns` only those."""


class ForwardRows:
    """Rows of something that is only read forward; goes back, or far ahead, by opening it again."""

    labels: Mapping[str, Sequence[str]] = {}

    def __init__(self) -> None:
        self._next = 0
        self._columns: tuple[str, ...] = ()
        self._iterator: Iterator[Row] | None = None

    def rows(self, start: int, count: int, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Consecutive rows; with `columns` only those."""
        ahead = start - self._next
        if self._iterator is None or tuple(columns) != self._columns or not 0 <= ahead <= SKIPPED_ROWS:
            self._next, self._columns = start, tuple(columns)
            self._iterator = self._read_from(start, self._columns)
        for _ in islice(self._iterator, start - self._next):
            pass
        self._next = start
        for row in islice(self._iterator, count):
            self._next += 1
            yield row

    def _read_from(self, start: int, columns: tuple[str, ...]) -> Iterator[Row]:
        """All rows from `start`; rows before it are skipped without being parsed, where that is possible."""
        raise NotImplementedError


def chosen(row: Row, columns: Sequence[str]) -> Row:
    """The row with `columns` alone; whole when none are named."""
    if isinstance(row, Unreadable) or not columns:
        return row
    return {name: row.get(name) for name in columns}
