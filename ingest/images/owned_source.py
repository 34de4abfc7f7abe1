"""A source with a table of owners beside it, as one source."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...store import InvalidInputError, content_id
from .owner_match import OwnerMatches, match_exactly, match_paths
from .owners import OwnerTable
from .sources.cells import TEXTS
from .sources.source import ImageRecord, ImageSource, Unreadable

ROW = re.compile(r"#\d+(\.\d+)?$")
"""The end of an item that is a row of a table."""


@dataclass(frozen=True)
class RowsUsed:
    """What was read of a source with a table of owners: rows of it, images read, those that a row names."""

    rows: frozenset[int] = frozenset()
    seen: int = 0
    named: int = 0


@dataclass
class OwnedSource:
    """The images of `source`, with what the rows of `table` say of them, which counts more than the source.

    Rows find images by the hash of their bytes, by uri, or by the names of files.
    """

    source: ImageSource
    table: OwnerTable
    matches: OwnerMatches = field(init=False, repr=False)
    _seen: int = field(default=0, init=False, repr=False)
    _named: int = field(default=0, init=False, repr=False)
    _matched: frozenset[int] = field(default=frozenset(), init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the rows of the images.

        Raises InvalidInputError where the source is a table itself and the names are of files, or no row is
        of an image.
        """
        self.matches = self._match()
        self._matched = frozenset(self.matches.used)

    @property
    def location(self) -> str:
        """That of the source."""
        return self.source.location

    def describe(self) -> Mapping[str, Any]:
        """The source, and the table with its digest."""
        return {**self.source.describe(), "owners": [str(self.table.path.resolve()), self.table.digest]}

    def items(self) -> Sequence[str]:
        """Those of the source, without the table where it lies among them."""
        file, folder = self.table.path.resolve(), Path(self.location)
        own = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else None
        return [item for item in self.source.items() if item != own]

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Each image with what its row says."""
        for item, record in self.source.read(items):
            if isinstance(record, Unreadable):
                yield item, record
                continue
            row = self.matches.rows.get(self._key(item, record))
            self._seen += 1
            if row is None:
                yield item, record
                continue
            self._named += 1
            self.matches.used.add(row)
            yield item, self._with_values(record, self.table.row(row))

    def take(self) -> RowsUsed:
        """What was read since this was last asked, which is forgotten."""
        used = RowsUsed(frozenset(self.matches.used) - self._matched, self._seen, self._named)
        self._seen = self._named = 0
        self.matches.used.difference_update(used.rows)
        return used

    def count(self, used: RowsUsed | None) -> None:
        """Add what another process has read."""
        if used is not None:
            self.matches.used.update(used.rows)
            self._seen, self._named = self._seen + used.seen, self._named + used.named

    def lines(self) -> Iterator[str]:
        """What was matched, for people."""
        yield from self.matches.lines()
        if self._seen > self._named:
            yield f"{self.table.path.name}: {self._seen - self._named:,} images that were read are in no row"

    def _match(self) -> OwnerMatches:
        if self.table.kind != "file name":
            return match_exactly(self.table)
        items = self.items()
        if any(ROW.search(item) for item in items[:1]):
            raise InvalidInputError(
                f"{self.table.path} names files, and {self.location} is a table itself",
                hint="name images by uri or sha256; or ingest it first, then `ingest update --metadata FILE`",
            )
        matches = match_paths(self.table, {item: f"{self.location}/{item}" for item in items})
        if not matches.used:
            named = f"its column {self.table.column!r} says {self.table.names[0]!r}"
            raise InvalidInputError(
                f"no row of {self.table.path} is of an image of {self.location}",
                hint=f"{named}, and there is {items[0]!r}",
            )
        return matches

    def _key(self, item: str, record: ImageRecord) -> str:
        if self.table.kind == "hash":
            return content_id(record.uri.encode() if record.data is None else record.data)
        return record.uri if self.table.kind == "uri" else item

    def _with_values(self, record: ImageRecord, values: Mapping[str, Any]) -> ImageRecord:
        texts = {column: values[column] for column in TEXTS if values.get(column)}
        origins = dict.fromkeys(texts, str(self.table.path))
        metadata = {**record.metadata, **values["metadata"]}
        return replace(record, **texts, metadata=metadata, origins=origins)
