"""Files that a table names: where they are, and one state of them all."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .sources.names import local_path, stem_of


@dataclass(frozen=True)
class FileLookup:
    """Paths of a table as files: absolute, or relative to the first of `roots` that has them."""

    roots: Sequence[Path]

    @classmethod
    def beside(cls, table: Path | None) -> "FileLookup":
        """For a local table: relative to its folder, or where COCO has the images of its annotations."""
        if table is None:
            return cls(())
        folder = table.resolve().parent
        subset = stem_of(table.name).rpartition("_")[2]  # captions_train2017.json: train2017/
        places = (
            folder,
            folder / "images",
            folder / subset,
            folder.parent / subset,
            folder.parent / "images",
        )
        return cls([place for place in dict.fromkeys(places) if place.is_dir()])

    def find(self, text: str) -> Path | None:
        """The file that `text` names, or None."""
        path = Path(local_path(text))
        try:
            if path.is_absolute():
                return path if path.is_file() else None
            return next((root / path for root in self.roots if (root / path).is_file()), None)
        except (OSError, ValueError):  # a name that is too long, or has a zero in it: text that is no path
            return None

    def state(self, texts: Iterable[str]) -> str:
        """A digest of the sizes and times of all files, which changes when one comes, goes or changes."""
        digest = hashlib.sha256()
        for text in texts:
            path = self.find(text)
            status = path.stat() if path else None
            digest.update(f"{status.st_size},{status.st_mtime_ns};".encode() if status else b"-;")
        return digest.hexdigest()[:32]
