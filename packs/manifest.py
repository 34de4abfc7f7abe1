"""The manifest of a pack: every file with its size and sha256; it is what is signed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..store import DataError
from .canonical import parse_canonical, to_canonical

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
STAMP, STAMP_SIGNATURE = "timestamp.tsr", "timestamp-signature.json"
UNLISTED = (MANIFEST, SIGNATURE, STAMP, STAMP_SIGNATURE)
"""Files that are made after the manifest; each of them has its own signature, or is one."""

ANSWER, ROWS, PAGE, DOCUMENT, README, CERTIFICATE = (
    "answer.json",
    "images.parquet",
    "page.html",
    "answer.pdf",
    "README.txt",
    "certificate.pem",
)
SIGNED_PICTURE = "picture-c2pa"
"""The beginning of the name of the picture with a C2PA manifest."""

NEEDED = (ANSWER, ROWS, PAGE, README)
"""What every pack has."""

_NAMES = re.compile(
    rf"{'|'.join(map(re.escape, (ANSWER, ROWS, PAGE, DOCUMENT, README, CERTIFICATE)))}"
    r"|picture(-c2pa)?(\.[a-z0-9]{1,10})?|thumbnails/[0-9]{3,6}\.[a-z0-9]{1,10}",
    re.ASCII,
)
"""Every name that a file of a pack can have: no other passes, so that none leads out of the folder, differs
from another by case or by the form of its letters alone, or means a device somewhere."""

_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_SOFTWARE = re.compile(r"attribase [0-9A-Za-z.+-]{1,60}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
URL = re.compile(r"https?://[\x21-\x7e]{1,500}")

FORMAT = 2

LARGEST_FILE = 1 << 30
"""Bytes of a file of a pack at most; each is read whole."""


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
    """The files of a pack by their paths in it.

    Attributes:
        files: their sizes and digests.
        created: when, by the clock of the writer: UTC in ISO format.
        software: who wrote it.
        timestamp: the address of the authority whose time stamp the pack must have; None without one. It is
            signed, so that nobody can take the stamp away unseen.
    """

    files: Mapping[str, FileDigest]
    created: str
    software: str
    timestamp: str | None = None

    def to_bytes(self) -> bytes:
        """As `manifest.json` holds it."""
        files = {path: vars(digest) for path, digest in self.files.items()}
        head = {"format": FORMAT, "created": self.created, "software": self.software}
        return to_canonical({**head, "timestamp": self.timestamp, "files": files})

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read it.

        Raises DataError for what is no manifest, has another format, names files that no pack has, or lacks
        one that every pack has.
        """
        row = parse_canonical(data, "the manifest")
        if row.get("format") != FORMAT:
            raise DataError(f"the manifest has the format {row.get('format')!r}, this version reads {FORMAT}")
        try:
            files = {path: FileDigest(one["size"], one["sha256"]) for path, one in row["files"].items()}
            found = cls(files, row["created"], row["software"], row["timestamp"])
            found._check()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"the manifest cannot be read: {error!r}") from error
        if found.to_bytes() != data:
            raise DataError("the manifest has fields that Attribase does not write")
        return found

    def _check(self) -> None:
        """Raises DataError for a value that no manifest has; TypeError for one of another type."""
        for path, digest in self.files.items():
            if not _NAMES.fullmatch(path):
                raise DataError(f"the manifest names {path!r}, which is no file of a pack")
            if type(digest.size) is not int or not _SHA256.fullmatch(digest.sha256):
                raise DataError(f"the manifest has no size or sha256 of {path}")
            if not 0 <= digest.size <= LARGEST_FILE:
                raise DataError(f"the manifest has the size {digest.size} of {path}")
        for path in NEEDED:
            if path not in self.files:
                raise DataError(f"the manifest does not name {path}, which every pack has")
        if not (_CREATED.fullmatch(self.created) and _SOFTWARE.fullmatch(self.software)):
            raise DataError("the manifest does not say when and by what it was written")
        if self.timestamp is not None and not URL.fullmatch(self.timestamp):
            raise DataError("the manifest names no address of a time stamp")
