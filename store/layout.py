"""Where a store keeps things: `<uri>/<table>.lance`, `<uri>/files/...` and the marker `<uri>/store.json`.

The marker says that a folder is a store and which format it has. It is written last when a store is
created and always whole (temporary file, then rename), so a killed creation leaves no half store.
Remote stores (`s3://...`) go through Lance's own object stores; they have no marker, their last created
table stands for it, and side files are for local stores only.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import ConflictError, InvalidInputError, NotFoundError

FORMAT = 1
MARKER = "store.json"
SUFFIX = ".lance"


@dataclass(frozen=True)
class Layout:
    """The places of one store. `uri` is an absolute local path or a URI with a scheme."""

    uri: str

    @classmethod
    def of(cls, uri: str | Path) -> "Layout":
        """The layout of what a user wrote: a path, `file://...` or a remote URI."""
        text = str(uri)
        if not text:
            raise InvalidInputError("the store has no name", hint="pass a folder or an s3:// prefix")
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        if "://" in text:
            return cls(text.rstrip("/"))
        return cls(str(Path(text).expanduser().absolute()))

    @property
    def local(self) -> bool:
        """Whether the store is a directory of this machine."""
        return "://" not in self.uri

    def table(self, name: str) -> str:
        """Where the table `name` is, as Lance wants it."""
        return f"{self.uri}/{name}{SUFFIX}"

    def file(self, *parts: str) -> Path:
        """The path of a side file. Raises InvalidInputError for remote stores and for ways out."""
        if not self.local:
            raise InvalidInputError(
                f"{self.uri} is remote and side files (ONNX models) are kept in local stores only",
                hint="copy the store to a local folder for this step",
            )
        if not parts or any(not part or part in {".", ".."} or "\\" in part for part in parts):
            raise InvalidInputError(f"{'/'.join(parts)!r} is no name of a side file", hint="use plain names")
        path = Path(self.uri, "files", *parts)
        if ".." in path.parts or not path.is_relative_to(Path(self.uri, "files")):
            raise InvalidInputError(f"{'/'.join(parts)!r} leads out of the store", hint="use plain names")
        return path

    def make_folder(self) -> None:
        """Make the store's folder. Raises InvalidInputError where none can be."""
        if self.local:
            try:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InvalidInputError(
                    f"cannot make a folder at {self.uri}: {error.strerror}", hint="name another place"
                ) from error

    def marked(self) -> bool:
        """Whether the folder says that it is a store. Remote stores never do."""
        return self.local and Path(self.uri, MARKER).is_file()

    def write_marker(self) -> None:
        """Say that this folder is a store. Does nothing when it says so already, or when remote."""
        if self.local and not self.marked():
            write_atomically(Path(self.uri, MARKER), json.dumps({"attribase": {"format": FORMAT}}).encode())

    def check_marker(self) -> None:
        """Raise NotFoundError for what is no store and ConflictError for a format we do not know."""
        if not self.local:
            return
        marker = Path(self.uri, MARKER)
        try:
            version = json.loads(marker.read_text())["attribase"]["format"]
        except (FileNotFoundError, NotADirectoryError):
            raise not_a_store(self.uri) from None
        except (ValueError, KeyError, TypeError) as error:
            raise ConflictError(
                f"{marker} is not readable as a store's marker", hint="is this folder another tool's?"
            ) from error
        if not isinstance(version, int) or version > FORMAT:
            raise ConflictError(
                f"{self.uri} has store format {version}; this attribase knows up to {FORMAT}",
                hint="upgrade attribase: pip install -U attribase",
            )


def not_a_store(uri: str) -> NotFoundError:
    """The error for a place that holds no store."""
    return NotFoundError(f"there is no store at {uri}", hint=f"create it: attribase -s {uri} init")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or none: temporary name in the same folder, flush to disk, rename."""
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
