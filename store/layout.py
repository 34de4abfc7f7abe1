"""The paths of a store: `<uri>/<table>.lance`, `<uri>/files/...` and the marker `<uri>/store.json`.

The marker holds the format of the store, the version of attribase that wrote it and the hash of its tables'
schema. It is written last when a store is created, and whole (temporary file, then rename), so a folder
without it is no store, also after a creation was killed. Remote stores (`s3://...`) go through Lance's object
stores: instead of the marker they have the table that is created last, and no side files.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import ConflictError, InvalidInputError, NotFoundError

FORMAT = 2
"""The newest format, in which stores are made. It grows when an earlier attribase could no longer write one.

2: `failures` has the key (stage, source, item) instead of (stage, item), and `tombstones` is honoured.
"""

MARKER = "store.json"
SUFFIX = ".lance"


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
            return cls(text.rstrip("/"))
        return cls(str(Path(text).expanduser().absolute()))

    @property
    def local(self) -> bool:
        """Whether the store is a directory of this machine."""
        return "://" not in self.uri

    def table(self, name: str) -> str:
        """The path or URI of the table `name`, for Lance."""
        return f"{self.uri}/{name}{SUFFIX}"

    def file(self, *parts: str) -> Path:
        """The path of a side file. Raises InvalidInputError for a remote store or a path outside."""
        if not self.local:
            raise InvalidInputError(
                f"{self.uri} is remote and side files (ONNX models) are kept in local stores only",
                hint="copy the store to a local folder for this step",
            )
        if not parts or any(not part or part in {".", ".."} or "\\" in part for part in parts):
            raise InvalidInputError(f"{'/'.join(parts)!r} cannot name a side file", hint="use plain names")
        path = Path(self.uri, "files", *parts)
        if ".." in path.parts or not path.is_relative_to(Path(self.uri, "files")):
            raise InvalidInputError(f"{'/'.join(parts)!r} leads out of the store", hint="use plain names")
        return path

    def make_folder(self) -> None:
        """Create the store's folder. Raises InvalidInputError where that fails."""
        if self.local:
            try:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InvalidInputError(
                    f"cannot create the folder {self.uri}: {error.strerror}", hint="choose another path"
                ) from error

    def marked(self) -> bool:
        """Whether the folder has the marker. Remote stores never do."""
        return self.local and Path(self.uri, MARKER).is_file()

    def format(self) -> int:
        """The format that the marker names; FORMAT for a remote store, which has no marker.

        Raises NotFoundError where there is no store, ConflictError for a marker of something else.
        """
        if not self.local:
            return FORMAT
        marker = Path(self.uri, MARKER)
        try:
            found = json.loads(marker.read_text())["attribase"]["format"]
        except (FileNotFoundError, NotADirectoryError):
            raise not_a_store(self.uri) from None
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_marker(marker) from error
        if type(found) is not int or found < 1:
            raise not_a_marker(marker)
        return found

    def write_marker(self, schema_id: str, *, format: int | None = None) -> None:  # noqa: A002
        """Write the marker, unless it says so already or the store is remote.

        `format`: left out, that of the marker, or FORMAT where there is none.
        """
        if not self.local:
            return
        number = format or (self.format() if self.marked() else FORMAT)
        if self.has_schema(schema_id) and self.format() == number:
            return
        marker = {"attribase": {"format": number, "schema": schema_id, "software": software_version()}}
        write_atomically(Path(self.uri, MARKER), json.dumps(marker).encode())

    def has_schema(self, schema_id: str) -> bool:
        """Whether the marker says that the tables have this schema. Remote stores have no marker."""
        return self.marked() and self._marker().get("schema") == schema_id

    def check_marker(self) -> None:
        """Raise NotFoundError where there is no store, ConflictError for a format newer than FORMAT."""
        found = self.format()
        if found > FORMAT:
            writer = self._marker().get("software")
            raise ConflictError(
                f"{self.uri} has store format {found}; this attribase knows up to {FORMAT}",
                hint=f"upgrade attribase: pip install -U attribase (version {software_version()} is installed"
                + (f", {writer} wrote the store)" if writer else ")"),
            )

    def _marker(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(Path(self.uri, MARKER).read_text())["attribase"]
        return found


def software_version() -> str:
    """The version of attribase that is installed."""
    try:
        return version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def not_a_marker(marker: Path) -> ConflictError:
    """The error for a `store.json` that attribase did not write."""
    return ConflictError(
        f"{marker} is not the marker of a store", hint="does the folder belong to another tool?"
    )


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
