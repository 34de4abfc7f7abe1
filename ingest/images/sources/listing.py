"""What lies in a folder: every file with its kind, through links to folders."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ....runtime.formats import ENDINGS, HEAD_BYTES, recognise
from ....store import InvalidInputError
from .names import ending_of, readable_name

Kind = Literal["image", "table", "archive", "text", "other", "unreadable"]

TABLE_ENDINGS = ("parquet", "pq", "lance", "csv", "tsv", "jsonl", "ndjson", "json", "arrow")
"""Endings of tables, plain or with one of `COMPRESSED` behind them."""

ARCHIVE_ENDINGS = ("tar", "tgz", "zip")
"""Endings of archives; `tar` may have one of `COMPRESSED` behind it."""

COMPRESSED = ("gz", "bz2", "xz")
"""Endings of compressed files."""

# Their content would pass for another format's: camera files hold TIFF headers around a preview.
OTHER_FORMATS = (
    *(
        "3fr",
        "arw",
        "cr2",
        "cr3",
        "crw",
        "dng",
        "erf",
        "iiq",
        "kdc",
        "mef",
        "mos",
        "mrw",
        "nef",
        "nrw",
        "orf",
    ),
    *("pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f", "ai", "eps", "pdf", "ps", "svg", "psd"),
    *(
        "psb",
        "xcf",
        "tga",
        "ico",
        "cur",
        "icns",
        "exr",
        "hdr",
        "dds",
        "dcm",
        "npy",
        "npz",
        "pt",
        "mp4",
        "mov",
    ),
    *("avi", "mkv", "webm", "mp3", "wav", "ttf", "otf"),
)
# The last three are of Spark and Dask, beside parts.
RUBBISH = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "$recycle.bin",
        "__macosx",
        "_success",
        "_metadata",
        "_common_metadata",
    }
)
STORE_FILES = {"store.json", "images.lance"}
"""What every store of Attribase has: it changes with every ingest, and holds no pictures to ingest."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a folder.

    Attributes:
        path: below the folder, with forward slashes, as the file system gives it.
        kind: what it is, by its ending, or by its first bytes where the ending says nothing.
        size: bytes.
        modified: time of the last change, nanoseconds.
        problem: why it cannot be read.
    """

    path: str
    kind: Kind
    size: int = 0
    modified: int = 0
    problem: str = ""


def list_folder(folder: Path) -> list[Found]:
    """Every file below `folder` but hidden ones and what systems leave behind, sorted by path.

    Stores of Attribase are left out, too. Links to folders are followed; a folder that is reached twice is
    listed once, under its own path when it is inside.

    Raises InvalidInputError when `folder` itself cannot be listed.
    """
    root = os.fspath(folder)
    seen: set[tuple[int, int]] = set()
    folders, links = deque([""]), deque[str]()
    found: list[Found] = []
    while folders or links:
        below = (folders or links).popleft()
        path = f"{root}/{below}" if below else root
        try:
            status = os.stat(path)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            if not below:
                raise InvalidInputError(
                    f"{readable_name(root)} cannot be listed: {error.strerror}", hint="make it readable"
                ) from error
            found.append(Found(f"{below}/", "unreadable", problem=error.strerror or str(error)))
            continue
        if below and {entry.name for entry in entries} >= STORE_FILES:
            continue
        prefix = f"{below}/" if below else ""
        for entry in entries:
            if _is_skipped(entry.name):
                continue
            name = prefix + entry.name
            if _is_folder(entry) and ending_of(entry.name) != "lance":
                (links if entry.is_symlink() else folders).append(name)
            else:
                found.append(_found(name, entry))
    return sorted(found, key=lambda file: file.path)


def kind_of(name: str) -> Kind | None:
    """What a file is by its ending; None where that says nothing."""
    ending = ending_of(name)
    if ending in ENDINGS:
        return "image"
    inner = ending_of(name[: -len(ending) - 1]) if ending in COMPRESSED else ending
    if inner in TABLE_ENDINGS:
        return "table"
    if inner in ARCHIVE_ENDINGS:
        return "archive"
    if ending in ("txt", "caption", "md", "rst", "html", "htm", "xml", "yaml", "yml", "log", "py", "sh"):
        return "text"
    return "other" if ending in OTHER_FORMATS else None


def endings(files: Iterator[str]) -> dict[str, int]:
    """How many names have each ending, most frequent first."""
    counts: dict[str, int] = {}
    for name in files:
        ending = ending_of(name)
        counts[f".{ending}" if ending else "no ending"] = counts.get(f".{ending}", 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name.lower() in RUBBISH


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _found(name: str, entry: os.DirEntry[str]) -> Found:
    try:
        status = entry.stat()
    except OSError as error:  # a link to nothing
        return Found(name, "unreadable", problem=error.strerror or str(error))
    size, modified = status.st_size, status.st_mtime_ns
    if stat.S_ISDIR(status.st_mode):
        return Found(name, "table", size, modified)
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait without end
        return Found(name, "unreadable", problem="not a regular file")
    kind = kind_of(name)
    if kind is None:
        try:
            with open(entry.path, "rb") as file:  # noqa: PTH123
                kind = "image" if recognise(file.read(HEAD_BYTES)) else "other"
        except OSError as error:
            return Found(name, "unreadable", size, modified, error.strerror or str(error))
    return Found(name, kind, size, modified)
