"""WikiArt as it is distributed: a folder a style, and tables of genres beside them.

wikiart/Impressionism/claude-monet_water-lilies-1.jpg
wikiart_csv/genre_train.csv, genre_val.csv     Impressionism/claude-monet_water-lilies-1.jpg,4
wikiart_csv/genre_class.txt                    4 landscape
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ....store import InvalidInputError, NotFoundError, key_id
from .folder import FolderSource
from .names import item_of, path_of
from .source import ImageRecord, Unreadable
from .text import decode_text

PREFIX = "wikiart:"
PICTURES, TABLES = "wikiart", "wikiart_csv"
GENRES = ("genre_train.csv", "genre_val.csv")
GENRE_NAMES = "genre_class.txt"


def open_wikiart(name: str, columns: Mapping[str, str]) -> WikiArtSource:
    """The pictures of `wikiart:FOLDER`; FOLDER holds `wikiart/`, or is it.

    Raises NotFoundError where there is no such folder.
    """
    given = Path(name.removeprefix(PREFIX)).expanduser().resolve()
    if not given.is_dir():
        raise NotFoundError(f"there is no folder {item_of(str(given))}", hint="give wikiart:FOLDER")
    pictures = given / PICTURES if (given / PICTURES).is_dir() else given
    tables = next((one for one in (given / TABLES, pictures.parent / TABLES) if one.is_dir()), None)
    return WikiArtSource(FolderSource(pictures, columns), tables)


@dataclass(frozen=True)
class WikiArtSource:
    """The artist is the creator; style, title and genre are in the metadata.

    Attributes:
        pictures: the folder of styles.
        tables: the folder of tables; None leaves genres out.
    """

    pictures: FolderSource
    tables: Path | None

    @property
    def location(self) -> str:
        """The path of the folder of styles."""
        return self.pictures.location

    def describe(self) -> Mapping[str, Any]:
        """The folder and its files, and the genres."""
        return {**self.pictures.describe(), "genres": key_id(self._genres)}

    def items(self) -> Sequence[str]:
        """Every picture, by path below the folder. Raises as `FolderSource.items`."""
        return self.pictures.items()

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Each picture with its artist, style, title and genre."""
        for item, record in self.pictures.read(items):
            yield item, self._labelled(path_of(item), record) if isinstance(record, ImageRecord) else record

    def _labelled(self, path: str, record: ImageRecord) -> ImageRecord:
        artist, separator, title = PurePosixPath(path).stem.partition("_")
        style = PurePosixPath(path).parent.name.replace("_", " ")
        labels = {
            "style": style,
            "title": title.replace("-", " ") if separator else "",
            "genre": self._genres.get(path, ""),
        }
        return replace(
            record,
            creator=record.creator or (artist.replace("-", " ").title() if separator else None),
            metadata={**record.metadata, **{name: text for name, text in labels.items() if text}},
            subfolder=None,  # a style, which is no category
        )

    @cached_property
    def _genres(self) -> dict[str, str]:
        """The genre of each picture that a table names."""
        if self.tables is None:
            return {}
        names = dict(line.strip().split(None, 1) for line in self._lines(GENRE_NAMES) if line.strip())
        found = {}
        for table in GENRES:
            for number, row in enumerate(csv.reader(self._lines(table)), start=1):
                if not row:
                    continue
                if len(row) < 2 or row[-1].strip() not in names:
                    raise InvalidInputError(
                        f"line {number} of {table} does not name one of the genres in {GENRE_NAMES}",
                        hint=f"its lines are PICTURE,NUMBER; mend it, or move {TABLES} away for no genres",
                    )
                found[",".join(row[:-1])] = names[row[-1].strip()].replace("_", " ")
        return found

    def _lines(self, name: str) -> list[str]:
        """The lines of a table; none where there is none."""
        path = (self.tables or Path()) / name
        return decode_text(path.read_bytes())[0].splitlines() if path.is_file() else []
