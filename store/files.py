"""The files of a store beside its tables, and the sizes of all: in a folder or in an object store.

Object stores (`s3://`, `gs://`, `az://`) are reached with obstore: the Rust library that Lance has inside,
with the same environment variables for addresses and credentials (docs/object-stores.md).
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import InvalidInputError, NotFoundError
from .layout import Layout, write_atomically
from .storage_errors import unreachable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

RETRIES = "OBJECT_STORE_CLIENT_MAX_RETRIES"
"""The environment variable with how often Lance repeats a request that failed; it counts here too."""

LOCAL_SCHEME = "file-object-store"
"""Lance's name for its object store code over a local folder."""


@dataclass(frozen=True)
class FileInfo:
    """A file of a store: its name below the URI, its size in bytes, when it was written (UTC)."""

    name: str
    size: int
    modified: datetime


class Files(Protocol):
    """The files below the URI of a store. Names have `/` between their parts."""

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises FileNotFoundError."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""

    def below(self, folder: str = "") -> Iterator[FileInfo]:
        """Every file below `folder`, at any depth."""

    def folders(self) -> list[str]:
        """The names of the folders directly below the URI."""

    def delete(self, name: str) -> None:
        """Delete a file; one that is gone is no error."""


def files_of(layout: Layout) -> Files:
    """The files of a store. Raises InvalidInputError for a scheme that stores cannot have."""
    return LocalFiles(Path(layout.uri)) if layout.local else RemoteFiles(layout.uri)


@dataclass(frozen=True)
class LocalFiles:
    """Files in a folder of this machine."""

    root: Path

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises FileNotFoundError."""
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        write_atomically(self.root / name, data)

    def below(self, folder: str = "") -> Iterator[FileInfo]:
        """Every file below `folder`, at any depth, but for those that another process has removed."""
        start = len(f"{self.root}/")
        for parent, _, names in os.walk(self.root / folder):  # a Path a file takes longer
            for path in (f"{parent}/{name}" for name in names):
                with contextlib.suppress(FileNotFoundError):
                    found = os.stat(path)  # noqa: PTH116
                    modified = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield FileInfo(path[start:], found.st_size, modified)

    def folders(self) -> list[str]:
        """The names of the folders directly below the root."""
        return [path.name for path in self.root.iterdir() if path.is_dir()] if self.root.is_dir() else []

    def delete(self, name: str) -> None:
        """Delete a file, and its folder where that is empty then."""
        path = self.root / name
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            path.parent.rmdir()


@dataclass(frozen=True)
class RemoteFiles:
    """Objects below a URI. Each request is repeated some times where it fails, as Lance does."""

    uri: str

    def __post_init__(self) -> None:
        with self._explained():
            _open_object_store(self.uri)

    def read(self, name: str) -> bytes:
        """The bytes of an object. Raises FileNotFoundError."""
        import obstore

        with self._explained(name):
            return bytes(obstore.get(self._store, name).bytes())

    def write(self, name: str, data: bytes) -> None:
        """Write an object: object stores do that whole or not at all."""
        import obstore

        with self._explained(name, writing=True):
            obstore.put(self._store, name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of this name. Returns whether it was written.

        Of several processes that do so at once, one writes: the request has the condition `If-None-Match: *`.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._explained(name, writing=True):
                obstore.put(self._store, name, data, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def below(self, folder: str = "") -> Iterator[FileInfo]:
        """Every object below `folder`, by one request for each 1,000."""
        import obstore

        with self._explained():
            for page in obstore.list(self._store, prefix=folder or None):
                for one in page:
                    yield FileInfo(one["path"], one["size"], one["last_modified"])

    def folders(self) -> list[str]:
        """What comes before the first `/` in names of objects."""
        import obstore

        with self._explained():
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
        return [name.rstrip("/") for name in found]

    def delete(self, name: str) -> None:
        """Delete an object."""
        import obstore

        with self._explained(name), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    @property
    def _store(self) -> "ObjectStore":
        return _open_object_store(self.uri)

    @contextlib.contextmanager
    def _explained(self, name: str = "", *, writing: bool = False) -> Iterator[None]:
        """Raise obstore's errors as FileNotFoundError or as the project's; AlreadyExistsError stays."""
        from obstore.exceptions import AlreadyExistsError, BaseError
        from obstore.exceptions import NotFoundError as MissingError

        try:
            yield
        except AlreadyExistsError:
            raise
        except (MissingError, FileNotFoundError) as error:
            if writing or "NoSuchBucket" in str(error):
                raise NotFoundError(
                    f"the bucket of {self.uri} does not exist", hint="create it first, or check its name"
                ) from error
            raise FileNotFoundError(f"{self.uri}/{name}") from error
        except BaseError as error:
            raise unreachable(error, self.uri) from error


@lru_cache(maxsize=32)
def _open_object_store(uri: str) -> "ObjectStore":
    """The object store of a URI; options come from the environment. Raises InvalidInputError."""
    from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

    scheme, _, rest = uri.partition("://")
    if scheme == LOCAL_SCHEME:
        return LocalStore(prefix=f"/{rest.lstrip('/')}", mkdir=True)
    kinds = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    bucket, _, prefix = rest.partition("/")
    if scheme not in kinds or not bucket:
        raise InvalidInputError(
            f"{uri} cannot hold a store", hint="give a folder, or s3://BUCKET/PREFIX, gs:// or az:// alike"
        )
    retries = {"max_retries": int(os.environ.get(RETRIES, "3")), "retry_timeout": timedelta(minutes=3)}
    opened: ObjectStore = kinds[scheme](bucket, prefix=prefix or None, retry_config=retries)
    return opened
