"""Images in a folder and its subfolders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...store import InvalidInputError, key_id
from .source import ImageRecord, Unreadable

EXTENSIONS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".ppm",
    ".pgm",
)


@dataclass(frozen=True)
class FolderSource:
    """Every file whose name has an image's extension; hidden ones are skipped.

    An item is the path below the folder; its caption is the text file of the same name.
    """

    folder: Path

    @property
    def location(self) -> str:
        """The folder's path."""
        return str(self.folder)

    def describe(self) -> Mapping[str, Any]:
        """The folder, and a digest of the names, sizes and times of its files."""
        files = [(item, *_state(self.folder / item)) for item in self.items()]
        return {"folder": str(self.folder), "files": key_id(files)}

    def items(self) -> Sequence[str]:
        """Paths below the folder, sorted."""
        found = [path.relative_to(self.folder) for path in self.folder.rglob("*") if _is_image(path)]
        visible = sorted(
            path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)
        )
        if not visible:
            raise InvalidInputError(
                f"there are no images in {self.folder}", hint=f"files must end in {', '.join(EXTENSIONS)}"
            )
        return visible

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Each file's bytes."""
        for item in items:
            path = self.folder / item
            try:
                data = path.read_bytes()
                yield item, ImageRecord(str(path), data, _caption(path), subfolder=_subfolder(item))
            except OSError as error:
                yield item, Unreadable("unreadable", str(error))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and (path.is_file() or path.is_symlink())


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # a link to nothing: reading it is a failure
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns)


def _caption(path: Path) -> str | None:
    file = path.with_suffix(".txt")
    return (file.read_text(encoding="utf-8", errors="replace").strip() or None) if file.is_file() else None


def _subfolder(item: str) -> str | None:
    return item.split("/")[-2] if "/" in item else None
