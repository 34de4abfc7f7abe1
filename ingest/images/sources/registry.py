"""The registry of image sources: which names each kind accepts, and how it opens them.

A new format is a reader in a file of its own (see parquet.py, folder.py) and a row of `SOURCES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ....runtime.formats import HEAD_BYTES, recognise
from ....store import InvalidInputError, NotFoundError
from . import wikiart
from .columns import check_parts
from .diffusiondb import is_part_table, parts_there
from .files import DataFile
from .folder import FolderSource, failed_downloads
from .listing import Found, kind_of, list_folder
from .metadata_files import is_metadata_file
from .names import ending_of, item_of, stem_of
from .parts import Part, PartsSource
from .source import ImageSource, Unreadable, file_state

Columns = Mapping[str, str]

WORLD_ROLES = {"world:gallery": ("gallery",), "world:exemplars": ("object", "style")}
"""By name of a source, the roles of the world's images that are in it."""


BOOKKEEPING = ("_stats.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
"""Ends of the names of files that img2dataset and Hugging Face datasets write beside their parts."""


@dataclass(frozen=True)
class SourceSpec:
    """A kind of source: the names it accepts, in words and as a test, and how it opens one."""

    kind: str
    names: str
    accepts: Callable[[str], bool]
    open: Callable[[str, Columns], ImageSource]


def open_source(name: str, columns: Columns | None = None) -> ImageSource:
    """The source called `name`: `world:gallery`, `world:exemplars`, a path, or a URL of tables or shards.

    Args:
        name: what to open.
        columns: part of an image (`image`, `uri`, `caption`, `category`, `creator`, `license`) -> the column
            of the table that holds it, where the recognised names and the content do not tell.

    Raises NotFoundError when there is nothing of that name, InvalidInputError when it is of no known kind,
    cannot be read or has no such columns.
    """
    check_parts(columns or {})
    for spec in SOURCES:
        if spec.accepts(name):
            return spec.open(name, columns or {})
    hint = f"give {', or '.join(spec.names for spec in SOURCES)}"
    if Path(name).exists():
        raise InvalidInputError(f"{item_of(name)} is not a source of images", hint=hint)
    raise NotFoundError(f"there is no {item_of(name)}", hint=hint)


def open_world(name: str, columns: Columns) -> ImageSource:
    """The embedded world's gallery, or its exemplars."""
    from ...world import images_path
    from .parquet import ParquetRows
    from .table import TableSource

    if name not in WORLD_ROLES:
        raise NotFoundError(f"the world has no {name!r}", hint=f"it has {' and '.join(WORLD_ROLES)}")
    path = Path(images_path())
    rows, where = ParquetRows(DataFile("world", str(path))), {"role": WORLD_ROLES[name]}
    return TableSource("world", rows, file_state(path), where, uri_from="world:{set}/{name}", columns=columns)


def open_lance(name: str, columns: Columns) -> ImageSource:
    """The rows of a Lance dataset."""
    from .parquet import LanceRows
    from .table import TableSource

    rows, path = LanceRows(name), None if "://" in name else Path(name)
    return TableSource(item_of(name), rows, {"version": rows.version}, columns=columns, path=path)


def open_remote(name: str, columns: Columns) -> ImageSource:
    """The tables and shards at a URL."""
    from .remote import remote_files

    files = remote_files(name)
    if len(files) == 1:
        return open_file(files[0], columns)
    return PartsSource(name, [Part(file.name, _opener(file, columns)) for file in files])


def open_file(file: DataFile, columns: Columns) -> ImageSource:
    """The rows of a table, or the images of an archive. Raises InvalidInputError when there are none."""
    from .archive import ArchiveSource
    from .open_table import open_rows
    from .table import TableSource

    if kind_of(file.path) == "archive":
        return ArchiveSource(file, columns)
    rows, path = open_rows(file), Path(file.path) if file.filesystem is None else None
    where = parts_there(path) if path and is_part_table(rows.columns) else {}
    return TableSource(file.name, rows, file.state(), where, columns=columns, path=path)


def open_local_file(name: str, columns: Columns) -> ImageSource:
    """The rows of a table, or the images of an archive, on this machine."""
    source = open_file(DataFile(item_of(name), name), columns)
    if not source.items():
        raise InvalidInputError(f"there are no images in {item_of(name)}", hint="it has no rows")
    return source


def open_picture(name: str, columns: Columns) -> ImageSource:
    """One picture."""
    from .picture import PictureSource

    return PictureSource(Path(name).resolve(), columns)


def open_folder(name: str, columns: Columns) -> ImageSource:
    """The image files of a folder; where it has none, its tables and archives."""
    folder = Path(name).resolve()
    found = list_folder(folder)
    tables = [file for file in found if file.kind in ("table", "archive")]
    parts = [file for file in tables if not file.path.endswith(BOOKKEEPING)]
    if not parts or any(file.kind == "image" for file in found):
        return FolderSource(folder, columns, found)
    datasets = [file.path for file in parts if ending_of(file.path) == "lance"]
    if len(datasets) == len(parts):
        if len(datasets) > 1:
            names = ", ".join(f"{item_of(name).rstrip('/')}/{dataset}" for dataset in datasets)
            raise InvalidInputError(
                f"{item_of(name)} holds {len(datasets)} tables of Lance", hint=f"name one: {names}"
            )
        return open_lance(str(folder / datasets[0]), columns)
    return _open_parts(name.rstrip("/"), found, columns)


def _open_parts(name: str, found: list[Found], columns: Columns) -> ImageSource:
    """The tables and archives among the files of a folder."""
    shards = {stem_of(file.path) for file in found if file.kind == "archive"}
    parts: list[Part] = []
    others: dict[str, Unreadable] = {}
    for file in found:
        data = DataFile(item_of(f"{name}/{file.path}"), f"{name}/{file.path}")
        if file.path.endswith(BOOKKEEPING):
            continue
        if file.kind == "unreadable":
            others[data.name] = Unreadable("unreadable", file.problem, "make it readable, or remove it")
        elif ending_of(file.path) == "parquet" and stem_of(file.path) in shards:
            others |= failed_downloads(data)
        elif file.kind not in ("table", "archive"):
            others[data.name] = Unreadable("not-an-image", "neither an image nor a table", "leave it there")
        elif shards and file.kind == "table" and is_metadata_file(file.path):
            remedy = f"give it with --metadata {data.name}"
            others[data.name] = Unreadable("not-read", "it describes the images of the archives", remedy)
        else:
            parts.append(Part(data.name, _opener(data, columns)))
    return PartsSource(name, parts, others)


def _opener(file: DataFile, columns: Columns) -> Callable[[], ImageSource]:
    if ending_of(file.path) == "lance" and file.filesystem is None:
        return lambda: open_lance(file.path, columns)
    return lambda: open_file(file, columns)


def _is_lance(name: str) -> bool:
    return ending_of(name.rstrip("/")) == "lance"


def _is_remote(name: str) -> bool:
    return "://" in name and not Path(name).exists()


def _is_table_or_archive(name: str) -> bool:
    return kind_of(name) in ("table", "archive") and Path(name).is_file()


def _is_picture(name: str) -> bool:
    path = Path(name)
    if not path.is_file():
        return False
    if kind_of(name) is not None:
        return kind_of(name) == "image"
    with path.open("rb") as file:
        return bool(recognise(file.read(HEAD_BYTES)))


SOURCES = (  # in the order in which they are tried
    SourceSpec("world", " or ".join(WORLD_ROLES), lambda name: name.startswith("world:"), open_world),
    SourceSpec(
        "wikiart", "wikiart:FOLDER", lambda name: name.startswith(wikiart.PREFIX), wikiart.open_wikiart
    ),
    SourceSpec("lance", "a .lance dataset", _is_lance, open_lance),
    SourceSpec(
        "remote", "a URL of tables or shards, such as hf://datasets/USER/NAME", _is_remote, open_remote
    ),
    SourceSpec(
        "file",
        "a .parquet, .arrow, .csv, .tsv, .jsonl, .json, .tar or .zip file",
        _is_table_or_archive,
        open_local_file,
    ),
    SourceSpec("picture", "a picture", _is_picture, open_picture),
    SourceSpec(
        "folder", "a folder of images, tables or shards", lambda name: Path(name).is_dir(), open_folder
    ),
)
"""The kinds of sources that `open_source` knows."""
