"""The paths of a store: `<uri>/<table>.lance`, `<uri>/files/...` and the marker `<uri>/store.json`.

The URI is a folder of this machine, or a prefix of an object store: `s3://bucket/prefix`, `gs://...`, `az://...`.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..version import __version__
from .errors import InvalidInputError, NotFoundError

SUFFIX = ".lance"

CODES = "codes"
"""The folder of side files with compressed vectors of images. Erasing deletes them: others replace them."""


@dataclass(frozen=True)
class Layout:
    """The paths of one store. `uri` is an absolute local path or a URI with a scheme."""

    uri: str

    @classmethod
    def of(cls, uri: str | Path) -> "Layout":
        """The layout of a path, a `file://` URI or a remote URI, as a user gives it."""
        text = str(uri)
        if not text:
            raise InvalidInputError("the store's name is empty", hint="pass a folder or an s3:// prefix")
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        if "://" in text:
            scheme, _, rest = text.partition("://")
            return cls(f"{scheme}://{rest.rstrip('/')}")
        return cls(str(Path(text).expanduser().absolute()))

    @property
    def local(self) -> bool:
        """Whether the store is a directory of this machine."""
        return "://" not in self.uri

    def table(self, name: str) -> str:
        """The path or URI of the table `name`, for Lance."""
        return f"{self.uri}/{name}{SUFFIX}"

    def side_name(self, *parts: str) -> str:
        """The name of a side file below the URI. Raises InvalidInputError for one that leads out of it."""
        if not parts or any(not part or part in {".", ".."} or "\\" in part for part in parts):
            raise InvalidInputError(f"{'/'.join(parts)!r} cannot name a side file", hint="use plain names")
        name = PurePosixPath("files", *parts)
        if ".." in name.parts or not name.is_relative_to("files"):
            raise InvalidInputError(f"{'/'.join(parts)!r} leads out of the store", hint="use plain names")
        return str(name)

    def file(self, *parts: str) -> Path:
        """The path of a side file of a local store. InvalidInputError for others, and for a path outside."""
        if not self.local:
            raise InvalidInputError(
                f"{self.uri} is an object store, whose files have no path", hint="read it: Store.read_file"
            )
        return Path(self.uri, self.side_name(*parts))

    def make_folder(self) -> None:
        """Create the store's folder. Raises InvalidInputError where that fails."""
        if self.local:
            try:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InvalidInputError(
                    f"cannot create the folder {self.uri}: {error.strerror}", hint="choose another path"
                ) from error


def software_version() -> str:
    """The version of attribase that is installed."""
    return __version__


def not_a_store(uri: str) -> NotFoundError:
    """The error for a path without a store."""
    if Path(uri).is_file():
        return NotFoundError(
            f"{uri} is a file, not a store", hint="name a folder; a new store: attribase -s FOLDER init"
        )
    return NotFoundError(f"there is no store at {uri}", hint=f"create it: attribase -s {uri} init")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file in the same folder, flush to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
