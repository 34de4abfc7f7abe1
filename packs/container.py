"""Where the files of a pack are: a folder, or one zip file of the form that Attribase writes."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ..store import ConflictError, DataError, InvalidInputError, NotFoundError
from .manifest import LARGEST_FILE, MANIFEST

ENDING = ".zip"
LARGEST_ZIP = LARGEST_FILE
"""Bytes of a zip file at most; it is read whole."""

LARGEST_DIRECTORY = 4 << 20
"""Bytes of the directory of a zip file at most: about 50,000 files. Reading it takes many times its size."""

_MODE = 0o100644 << 16
_UNIX = 3


class Pack(Protocol):
    """The files of a pack by their paths in it."""

    def names(self) -> list[str]:
        """All of them, sorted; what is no plain file is one too."""

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a file. Raises DataError: it is missing, no plain file, or larger than `limit`."""


def open_pack(path: Path) -> Pack:
    """The pack at `path`. Raises NotFoundError where there is none, DataError for a zip of another form."""
    hint = "name a folder or zip file that query evidence wrote"
    if path.is_dir():
        if not (path / MANIFEST).is_file():
            raise NotFoundError(f"{path} is no evidence pack: it has no {MANIFEST}", hint=hint)
        return FolderPack(path)
    if not path.is_file():
        raise NotFoundError(f"there is no evidence pack at {path}", hint=hint)
    return ZipPack(path)


class FolderPack:
    """A pack as a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The paths of all files; links are files, and are not followed."""
        found = (path for path in self._folder.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(self._folder).as_posix() for path in found)

    def read(self, name: str, limit: int) -> bytes:
        """As `Pack.read`. No link is followed, neither of the file nor of the folder that it is in."""
        path = self._folder / name
        try:
            if any(one.is_symlink() for one in (path, *path.parents[: name.count("/")])):
                raise DataError(f"{name} is a link")
            if not path.is_file():
                raise DataError(f"{name} is missing")
            if path.stat().st_size > limit:
                raise DataError(f"{name} has more than {limit:,} bytes")
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}") from error


class ZipPack:
    """A pack as one zip file, whose bytes are exactly those that `zip_bytes` makes of its files.

    Programs that read zip files do not agree on many of them: names given twice, headers that contradict the
    directory, data before and after. In the one form that is accepted here there is nothing to disagree on;
    and nothing is compressed, so that a small file cannot become a large one.
    """

    def __init__(self, path: Path) -> None:
        """Reads it. Raises DataError for a file that is no zip, or a zip of another form."""
        try:
            if path.stat().st_size > LARGEST_ZIP:
                raise DataError(f"{path.name} has more than {LARGEST_ZIP:,} bytes", hint=_UNPACK)
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path.name} cannot be read: {error.strerror}") from error
        self._files = _unzip(data, path.name)

    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted(self._files)

    def read(self, name: str, limit: int) -> bytes:
        """As `Pack.read`."""
        if name not in self._files:
            raise DataError(f"{name} is missing")
        if len(self._files[name]) > limit:
            raise DataError(f"{name} has more than {limit:,} bytes")
        return self._files[name]


_UNPACK = "if another program packed it, unpack it and verify the folder"


def _unzip(data: bytes, name: str) -> dict[str, bytes]:
    # The last 22 bytes of a zip without a comment: the size of its directory is in bytes 12 to 15 of them.
    if data[-22:-18] != b"PK\5\6" or int.from_bytes(data[-10:-6], "little") > LARGEST_DIRECTORY:
        raise DataError(f"{name} is not packed as Attribase packs", hint=_UNPACK)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = file.infolist()
            if any(one.compress_type != zipfile.ZIP_STORED or one.file_size > len(data) for one in entries):
                raise DataError(f"{name} is not packed as Attribase packs", hint=_UNPACK)
            if sum(one.file_size for one in entries) > len(data):
                raise DataError(f"{name} is not packed as Attribase packs", hint=_UNPACK)
            files = {one.filename: file.read(one) for one in entries}
        same = zip_bytes(files) == data
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{name} cannot be read as a zip file: {error}", hint=_UNPACK) from error
    if not same:
        raise DataError(f"{name} is not packed as Attribase packs", hint=_UNPACK)
    return files


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip file of these files, sorted, not compressed, without times: the same files, the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # of 1980: the manifest has the time
            entry.create_system, entry.external_attr = _UNIX, _MODE
            file.writestr(entry, files[name])
    return out.getvalue()


def write_pack_files(target: Path, files: Mapping[str, bytes]) -> None:
    """Write the files as a folder, or as one file where the name ends with `.zip`; whole or not at all.

    Raises ConflictError where `target` is there, InvalidInputError where it cannot be written.
    """
    check_absent(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        try:
            if target.suffix.lower() == ENDING:
                (part / "pack").write_bytes(zip_bytes(files))
                _move_new(part / "pack", target)
            else:
                write_folder(part, files)
                part.chmod(0o755)
                part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {target}: {error.strerror}", hint="name another folder"
        ) from error


def _move_new(file: Path, target: Path) -> None:
    """Give a file its name, which another writer may have taken meanwhile: ConflictError."""
    try:
        os.link(file, target)  # unlike a rename it never replaces
    except FileExistsError:
        check_absent(target)
    except OSError:  # a file system without links
        check_absent(target)
        file.rename(target)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """The files, in a folder that is there."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def check_absent(target: Path) -> None:
    """Raise ConflictError where something is at `target`."""
    if target.exists() or target.is_symlink():
        raise ConflictError(
            f"{target} is there already", hint="a pack is never replaced: name another folder"
        )
