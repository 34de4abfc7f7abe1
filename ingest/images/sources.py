"""Which source a name means: the kinds of sources, in the order they are tried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...store import InvalidInputError, NotFoundError
from .folder import FolderSource
from .source import ImageSource

WORLD_ROLES = {"world:gallery": ("gallery",), "world:exemplars": ("object", "style")}


@dataclass(frozen=True)
class SourceSpec:
    """A kind of source: does a name mean it, and how is it opened."""

    kind: str
    accepts: Callable[[str], bool]
    open: Callable[[str], ImageSource]


def open_world(name: str) -> ImageSource:
    """The embedded world's gallery, or its exemplars."""
    from ..world import images_path
    from .table import ParquetRows, TableSource

    if name not in WORLD_ROLES:
        raise NotFoundError(f"the world has no {name!r}", hint=f"it has {' and '.join(WORLD_ROLES)}")
    path = Path(images_path())
    where = {"role": WORLD_ROLES[name]}
    return TableSource("world", ParquetRows(path), _state(path), where, uri_from="world:{set}/{name}")


def open_parquet(name: str) -> ImageSource:
    """The rows of a Parquet file."""
    from .table import ParquetRows, TableSource

    return TableSource(name, ParquetRows(Path(name)), _state(Path(name)))


def open_lance(name: str) -> ImageSource:
    """The rows of a Lance dataset."""
    from ...store.tables import ExternalDataset
    from .table import TableSource

    dataset = ExternalDataset(name)
    return TableSource(name, dataset, {"version": dataset.version})


SOURCES = (
    SourceSpec("world", lambda name: name.startswith("world:"), open_world),
    SourceSpec("lance", lambda name: name.rstrip("/").endswith(".lance"), open_lance),
    SourceSpec("parquet", lambda name: name.endswith(".parquet") and Path(name).is_file(), open_parquet),
    SourceSpec("folder", lambda name: Path(name).is_dir(), lambda name: FolderSource(Path(name).resolve())),
)


def open_source(name: str) -> ImageSource:
    """The source that `name` means: `world:gallery`, `world:exemplars`, or a path.

    Raises NotFoundError when there is nothing of that name, InvalidInputError when it is of no known kind.
    """
    for spec in SOURCES:
        if spec.accepts(name):
            return spec.open(name)
    hint = "give a folder of images, a .parquet or .lance file, world:gallery or world:exemplars"
    if Path(name).exists():
        raise InvalidInputError(f"{name} is no source of images", hint=hint)
    raise NotFoundError(f"there is no {name}", hint=hint)


def _state(path: Path) -> dict[str, int]:
    stat = path.stat()
    return {"size": stat.st_size, "modified": stat.st_mtime_ns}
