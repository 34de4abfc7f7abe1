"""The manifest of a pack: every file with its size and sha256; it is what is signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..store import DataError
from .canonical import parse_canonical, to_canonical

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
FORMAT = 1


@dataclass(frozen=True)
class FileDigest:
    """The size of a file in bytes and its sha256 in hexadecimal."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> FileDigest:
        """Of these bytes."""
        return cls(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """The files of a pack by their paths in it; `created` is UTC in ISO format, `software` who wrote it."""

    files: Mapping[str, FileDigest]
    created: str
    software: str

    def to_bytes(self) -> bytes:
        """As `manifest.json` holds it."""
        files = {path: vars(digest) for path, digest in self.files.items()}
        head = {"format": FORMAT, "created": self.created, "software": self.software}
        return to_canonical({**head, "files": files})

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read it. Raises DataError for what is no manifest, of a newer format, or names files elsewhere."""
        row = parse_canonical(data, "the manifest")
        try:
            if row["format"] != FORMAT:
                raise DataError(f"the manifest has the format {row['format']}, this version reads {FORMAT}")
            files = {
                _checked(path): FileDigest(int(one["size"]), str(one["sha256"]))
                for path, one in row["files"].items()
            }
            return cls(files, str(row["created"]), str(row["software"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"the manifest cannot be read: {error}") from error


def files_in(folder: Path) -> list[str]:
    """The paths of all files of a pack beside manifest and signature, sorted; links are files."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if name not in (MANIFEST, SIGNATURE))


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise DataError(f"the manifest names {path!r}, which is no file of a pack")
    return path
