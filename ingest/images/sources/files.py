"""One file of a source, local or behind a URL, read through fsspec's interface."""

import bz2
import gzip
import io
import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from ....store import InvalidInputError
from .names import ending_of

_DECOMPRESS: Mapping[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}


@dataclass(frozen=True)
class DataFile:
    """A file that can be opened many times.

    Attributes:
        name: in items and errors.
        path: on `filesystem`.
        filesystem: of fsspec; None is the local one.
    """

    name: str
    path: str
    filesystem: Any = field(default=None, repr=False)

    @property
    def folder(self) -> Path | None:
        """The local folder that it is in, where its relative paths lead from."""
        return Path(self.path).resolve().parent if self.filesystem is None else None

    def open(self) -> BinaryIO:
        """The bytes as they are stored. Raises OSError."""
        if self.filesystem is None:
            return Path(self.path).open("rb")
        try:
            return io.BufferedReader(_RemoteReader(self.filesystem.open(self.path, "rb")), 1 << 20)
        except Exception as error:  # every client has errors of its own
            raise _unreachable(error) from error

    def open_plain(self) -> BinaryIO:
        """The bytes, decompressed when the name ends in .gz, .bz2 or .xz. Raises OSError."""
        opener = _DECOMPRESS.get(ending_of(self.path))
        return cast(BinaryIO, opener(self.open(), "rb")) if opener else self.open()

    def state(self) -> Mapping[str, Any]:
        """What changes when the file does."""
        if self.filesystem is None:
            status = Path(self.path).stat()
            return {"size": status.st_size, "modified": status.st_mtime_ns}
        info = self.filesystem.info(self.path)
        found = {name: info[name] for name in ("size", "ETag", "etag", "blob_id", "mtime") if info.get(name)}
        return {name: value if isinstance(value, int | str) else str(value) for name, value in found.items()}


class _RemoteReader(io.RawIOBase):
    """A remote file whose errors are all OSErrors."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except Exception as error:
            raise _unreachable(error) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its type where it has none."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def _unreachable(error: Exception) -> OSError:
    return error if isinstance(error, OSError) else OSError(f"cannot be reached: {first_line(error)}")


def unreadable_file(file: DataFile, what: str, error: Exception) -> InvalidInputError:
    """The error for a file that is not `what` it should be."""
    return InvalidInputError(
        f"{file.name} is not {what}: {first_line(error)}", hint="check the path, or download the file again"
    )
