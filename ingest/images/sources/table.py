"""Images in the rows of a table, such as a Parquet file or a Lance dataset."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from ....store import InvalidInputError
from ..lookup import FileLookup
from .cells import is_url, parts_of, path_in, pictures_of, text_of
from .columns import find_columns
from .names import uri_of
from .rows import Row, Rows
from .source import ImageRecord, Unreadable, absolute

READ_ROWS = 256
PEEKED_ROWS = 16
"""How many rows are looked at to find the column of pictures by its content."""

_NO_FILE = "put the file there, relative to the table, and ingest the table again"
_AGAIN = "download it again and ingest the new table"


@dataclass
class TableSource:
    """Rows as images. An item is `<name>#<row>`; the pictures of a row with several are `<item>#<picture>`.

    Attributes:
        name: of the table, in items and errors.
        state: values that change when the table does.
        where: column -> the values that rows must have there.
        uri_from: how to make a row's uri from its columns, where it has none.
        columns: part of an image -> its column, where neither names nor content tell.
        path: of the table, which its relative paths lead from; None when it is not local.
        failed_only: only rows that img2dataset could not download count: the others are in a shard beside it.
    """

    name: str
    table: Rows
    state: Mapping[str, Any]
    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    uri_from: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    failed_only: bool = False

    def __post_init__(self) -> None:
        names = self.table.columns
        doubled = sorted({name for name in names if list(names).count(name) > 1})
        if doubled:
            raise InvalidInputError(
                f"{self.name} has two columns called {doubled[0]!r}", hint="rename one of them"
            )
        self._files = FileLookup.beside(self.path)
        peeked = islice(self.table.rows(0, PEEKED_ROWS), PEEKED_ROWS)
        first = [row for row in peeked if isinstance(row, dict)]
        self._columns = find_columns(self.name, names, self.columns, first, self._is_file)
        image, uri = self._columns["image"], self._columns["uri"]
        if image is None and uri is None and not self.failed_only:
            raise InvalidInputError(
                f"{self.name} has no column of image bytes or uris: {', '.join(names)}",
                hint="say which column it is: `--column image=COLUMN` or `--column uri=COLUMN`",
            )
        self._paths = self._path_column(first)

    @property
    def location(self) -> str:
        """The path or address of the table, or `world`."""
        return absolute(str(self.path)) if self.path else self.name

    def describe(self) -> Mapping[str, Any]:
        """The table and its state, with that of the files that it names."""
        files = {"files": self._files.state(self._named_files())} if self._paths else {}
        chosen = {"columns": dict(self.columns)} if self.columns else {}
        return {"table": self.name, **self.state, **self.where, **files, **chosen}

    def items(self) -> Sequence[str]:
        """Every row, or those that satisfy `where` or failed."""
        count = self.table.count()
        if not self.where and not self.failed_only:
            return [f"{self.name}#{row}" for row in range(count)]
        wanted = [name for name in self.table.columns if name in self.where or name.lower() in STATUS_COLUMNS]
        rows = enumerate(self.table.rows(0, count, wanted))
        return [f"{self.name}#{number}" for number, row in rows if self._is_wanted(row)]

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Rows, consecutive ones together."""
        numbers = [int(item.rpartition("#")[2]) for item in items]
        for _, run in groupby(enumerate(numbers), lambda pair: (pair[1] - pair[0], pair[0] // READ_ROWS)):
            rows = [number for _, number in run]
            for number, row in zip(rows, self.table.rows(rows[0], len(rows)), strict=True):
                yield from self._records(f"{self.name}#{number}", row)

    def _is_wanted(self, row: Row) -> bool:
        if isinstance(row, Unreadable):
            return True
        if self.failed_only:
            return download_failure(row) is not None
        return all(row[name] in allowed for name, allowed in self.where.items())

    def _records(self, item: str, row: Row) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        if isinstance(row, Unreadable):
            yield item, row
            return
        failed = download_failure(row)
        if failed:
            yield item, failed
            return
        image, uri_column = self._columns["image"], self._columns["uri"]
        cell = row.get(image) if image else None
        uri = text_of(row.get(uri_column)) if uri_column else None
        pictures = pictures_of(cell) or ([uri] if uri else [])
        if not pictures:
            yield item, Unreadable("empty", "the row has neither bytes nor a uri", "leave such rows out")
            return
        uri = uri or path_in(cell) or (self.uri_from.format_map(row) if self.uri_from else None)
        texts, metadata = parts_of(row, self._columns, self.table.labels)
        for place, picture in enumerate(pictures):
            several = f"#{place}" if len(pictures) > 1 else ""
            record = self._record(picture, f"{uri or item}{several}", own=uri is not None)
            if isinstance(record, ImageRecord):
                record = ImageRecord(record.uri, record.data, metadata=metadata, **texts)
            yield item + several, record

    def _record(self, picture: Any, uri: str, *, own: bool) -> ImageRecord | Unreadable:
        """One picture of a row; `own` says that the uri is the row's, not made of its number."""
        if isinstance(picture, Unreadable):
            return picture
        if isinstance(picture, bytes):
            return ImageRecord(uri, picture)
        if is_url(picture):
            return ImageRecord(picture, None)
        path = self._files.find(picture)
        if path is None:
            if own and is_url(uri):
                return ImageRecord(uri, None)
            return Unreadable("missing-file", f"there is no file {picture}", _NO_FILE)
        try:
            return ImageRecord(uri if own and is_url(uri) else uri_of(path), path.read_bytes())
        except OSError as error:
            return Unreadable("unreadable", f"{path}: {error.strerror}", "make the file readable")

    def _is_file(self, text: str) -> bool:
        return self._files.find(text) is not None

    def _path_column(self, first: Sequence[Mapping[str, Any]]) -> str | None:
        """The column that names files, if the first rows have one."""
        if self.path is None:
            return None
        for column in filter(None, (self._columns["image"], self._columns["uri"])):
            pictures = [picture for row in first for picture in pictures_of(row.get(column))]
            if any(isinstance(picture, bytes) for picture in pictures):
                return None
            if any(isinstance(picture, str) and not is_url(picture) for picture in pictures):
                return column
        return None

    def _named_files(self) -> Iterator[str]:
        column = self._paths or ""
        for row in self.table.rows(0, self.table.count(), [column]):
            cell = None if isinstance(row, Unreadable) else row[column]
            yield from (text for text in pictures_of(cell) if isinstance(text, str) and not is_url(text))


STATUS_COLUMNS = ("status", "error_message")
"""The columns of img2dataset that say whether a download worked."""


def download_failure(row: Mapping[str, Any]) -> Unreadable | None:
    """Why the row has no picture, as img2dataset wrote it down; None when it has one."""
    fields = {name.lower(): value for name, value in row.items() if name.lower() in STATUS_COLUMNS}
    status = str(fields.get("status") or "").lower()
    if not status.startswith("failed") and ("error_message" not in fields or status in ("success", "")):
        return None
    return Unreadable("download-failed", text_of(fields.get("error_message")) or status, _AGAIN)
