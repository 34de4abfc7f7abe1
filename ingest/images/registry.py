"""The registry of image sources: which names each kind accepts, and how it opens them.

A new format is a reader in a file of its own (see parquet.py, folder.py) and a row of `SOURCES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...store import InvalidInputError, NotFoundError
from .columns import check_parts
from .folder import FolderSource
from .source import ImageSource, file_state

WORLD_ROLES = {"world:gallery": ("gallery",), "world:exemplars": ("object", "style")}


@dataclass(frozen=True)
class SourceSpec:
    """A kind of source: the names it accepts, in words and as a test, and how it opens one."""

    kind: str
    names: str
    accepts: Callable[[str], bool]
    open: Callable[[str, Mapping[str, str]], ImageSource]


def open_source(name: str, columns: Mapping[str, str] | None = None) -> ImageSource:
    """The source called `name`: `world:gallery`, `world:exemplars`, or a path.

    Args:
        name: what to open.
        columns: part of an image (`image`, `uri`, `caption`, `category`, `creator`, `license`) -> the column
            of the table that holds it, where the recognised names and the content do not tell.

    Raises NotFoundError when there is nothing of that name, InvalidInputError when it is of no known kind or
    has no such columns.
    """
    check_parts(columns or {})
    for spec in SOURCES:
        if spec.accepts(name):
            return spec.open(name, columns or {})
    hint = f"give {', or '.join(spec.names for spec in SOURCES)}"
    if Path(name).exists():
        raise InvalidInputError(f"{name} is not a source of images", hint=hint)
    raise NotFoundError(f"there is no {name}", hint=hint)


def open_world(name: str, columns: Mapping[str, str]) -> ImageSource:
    """The embedded world's gallery, or its exemplars."""
    from ..world import images_path
    from .parquet import ParquetRows
    from .table import TableSource

    if name not in WORLD_ROLES:
        raise NotFoundError(f"the world has no {name!r}", hint=f"it has {' and '.join(WORLD_ROLES)}")
    path = Path(images_path())
    where = {"role": WORLD_ROLES[name]}
    return TableSource(
        "world", ParquetRows(path), file_state(path), where, uri_from="world:{set}/{name}", columns=columns
    )


def open_lance(name: str, columns: Mapping[str, str]) -> ImageSource:
    """The rows of a Lance dataset."""
    from ...store.tables import ExternalDataset
    from .table import TableSource

    dataset = ExternalDataset(name)
    return TableSource(name, dataset, {"version": dataset.version}, columns=columns)


def open_parquet(name: str, columns: Mapping[str, str]) -> ImageSource:
    """The rows of a Parquet file."""
    from .parquet import ParquetRows
    from .table import TableSource

    return TableSource(name, ParquetRows(Path(name)), file_state(Path(name)), columns=columns)


def open_folder(name: str, _columns: Mapping[str, str]) -> ImageSource:
    """The image files of a folder."""
    return FolderSource(Path(name).resolve())


def _is_lance(name: str) -> bool:
    return name.rstrip("/").endswith(".lance")


def _is_parquet(name: str) -> bool:
    return name.endswith(".parquet") and Path(name).is_file()


SOURCES = (  # in the order in which they are tried
    SourceSpec("world", " or ".join(WORLD_ROLES), lambda name: name.startswith("world:"), open_world),
    SourceSpec("lance", "a .lance dataset", _is_lance, open_lance),
    SourceSpec("parquet", "a .parquet file", _is_parquet, open_parquet),
    SourceSpec("folder", "a folder of images", lambda name: Path(name).is_dir(), open_folder),
)
"""The kinds of sources that `open_source` knows."""
