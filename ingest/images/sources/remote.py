"""Tables and shards behind URLs: `hf://datasets/...`, `s3://...` and what else fsspec or Arrow opens."""

from typing import Any

from ....store import InvalidInputError, NotFoundError
from .files import DataFile, first_line
from .listing import kind_of

_REMEDY = "check the network and the name; for a private dataset, log in with `hf auth login`"


def remote_files(url: str) -> list[DataFile]:
    """The tables and archives at `url`, which names one or the folder of them, sorted.

    Raises InvalidInputError when it cannot be reached, NotFoundError when there is nothing.
    """
    scheme = url.partition("://")[0]
    try:
        filesystem, path = _filesystem(url)
        paths = [path] if filesystem.isfile(path) else sorted(filesystem.find(path))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {url}", hint=_REMEDY) from error
    except Exception as error:  # every client has errors of its own
        raise InvalidInputError(f"{url} cannot be reached: {first_line(error)}", hint=_REMEDY) from error
    found = [file for file in paths if kind_of(file) in ("table", "archive")]
    if not found:
        convert = f"try {url}@~parquet" if scheme == "hf" else "download it, and ingest the folder"
        raise NotFoundError(f"there are no tables or archives at {url}", hint=convert)
    return [DataFile(f"{scheme}://{file.lstrip('/')}", file, filesystem) for file in found]


def _filesystem(url: str) -> tuple[Any, str]:
    """The filesystem and the path on it: Arrow's own for object stores, else fsspec's."""
    import fsspec

    if url.startswith(("s3://", "gs://", "abfs://")):
        import pyarrow.fs
        from fsspec.implementations.arrow import ArrowFSWrapper

        filesystem, path = pyarrow.fs.FileSystem.from_uri(url)
        return ArrowFSWrapper(filesystem), path
    filesystem, path = fsspec.core.url_to_fs(url)
    return filesystem, path
