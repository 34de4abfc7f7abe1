"""One picture as a source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .beside import BESIDE_ENDINGS, read_beside
from .names import item_of, uri_of
from .source import ImageRecord, Unreadable, absolute, file_state


@dataclass(frozen=True)
class PictureSource:
    """One file; its item is its name. It has no category but what a file beside it gives.

    Attributes:
        path: an absolute path.
        columns: part of an image -> the field of the `.json` beside it that holds it.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """The path of the file."""
        return absolute(str(self.path))

    def describe(self) -> Mapping[str, Any]:
        """The file and those beside it, with their sizes and times."""
        beside = {ending: file_state(path) for ending, path in self._beside().items()}
        chosen = {"columns": dict(self.columns)} if self.columns else {}
        return {"picture": item_of(str(self.path)), **file_state(self.path), "beside": beside, **chosen}

    def items(self) -> Sequence[str]:
        """The name of the file."""
        return [item_of(self.path.name)]

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Its bytes."""
        for item in items:
            try:
                data = self.path.read_bytes()
                texts = {ending: path.read_bytes() for ending, path in self._beside().items()}
            except OSError as error:
                yield item, Unreadable("unreadable", str(error), "make the file readable")
                continue
            yield item, read_beside(texts).record(uri_of(self.path), data, self.columns)

    def _beside(self) -> dict[str, Path]:
        files = {ending: self.path.with_suffix(f".{ending}") for ending in BESIDE_ENDINGS}
        return {ending: path for ending, path in files.items() if path.is_file() and path != self.path}
