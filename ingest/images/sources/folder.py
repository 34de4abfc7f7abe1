"""Images in a folder and its subfolders, with the metadata that lies beside them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ....runtime.formats import ENDINGS
from ....store import AttribaseError, InvalidInputError, key_id
from .beside import BESIDE_ENDINGS, read_beside
from .files import DataFile
from .listing import Found, list_folder
from .metadata_files import MetadataFile, is_metadata_file
from .names import ending_of, item_of, path_of, readable_name, stem_of, uri_of
from .source import ImageRecord, Unreadable
from .table import TableSource, download_failure


@dataclass(frozen=True)
class FolderSource:
    """Every picture below a folder, whatever its name; a row of failures for every other file.

    An item is the path below the folder; its caption is the text file of the same name.

    Attributes:
        folder: an absolute path.
        columns: part of an image -> the field of the metadata beside it that holds it.
        found: what is in the folder, where it is listed already.
    """

    folder: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    found: Sequence[Found] | None = field(default=None, repr=False, compare=False)

    @property
    def location(self) -> str:
        """The path of the folder."""
        return uri_of(self.folder)

    def describe(self) -> Mapping[str, Any]:
        """The folder, and a digest of the names, sizes and times of its files."""
        files = [(item_of(found.path), found.size, found.modified) for found in self._listing]
        chosen = {"columns": dict(self.columns)} if self.columns else {}
        return {"folder": uri_of(self.folder), "files": key_id(files), **chosen}

    def items(self) -> Sequence[str]:
        """Images and what is no image, sorted by path.

        Raises InvalidInputError when there is no image, or no metadata with a column that was given.
        """
        if not self._images:
            hint = f"files must end in {', '.join(f'.{ending}' for ending in ENDINGS)}, or begin as images do"
            raise InvalidInputError(f"there are no images in {readable_name(str(self.folder))}", hint=hint)
        self._check_columns()
        return sorted([*map(item_of, self._images), *self._failures])

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """Each file's bytes, with the metadata beside it."""
        for item in items:
            failure = self._failures.get(item)
            yield item, failure or self._record(path_of(item))

    def _check_columns(self) -> None:
        """Refuse a given column that no table has; what the `.json` beside each image has is seen later."""
        if any("json" in files for files in self._beside.values()):
            return
        tables = [table for table in self._metadata.values() if isinstance(table, MetadataFile)]
        known = list(dict.fromkeys(name for table in tables for name in table.columns))
        for part, column in self.columns.items():
            if column not in known:
                raise InvalidInputError(
                    f"the metadata in {readable_name(str(self.folder))} have no column {column!r} for {part}",
                    hint=f"the columns are {', '.join(known)}"
                    if known
                    else "there is no metadata.jsonl or .csv",
                )

    @cached_property
    def _listing(self) -> Sequence[Found]:
        return list_folder(self.folder) if self.found is None else self.found

    @cached_property
    def _images(self) -> dict[str, None]:
        return {found.path: None for found in self._listing if found.kind == "image"}

    @cached_property
    def _beside(self) -> dict[str, dict[str, str]]:
        """By path of the image without its ending, or whole, the files that describe it, by ending."""
        known = {*self._images, *map(stem_of, self._images)}
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for file in self._listing:
            stem, ending = stem_of(file.path), ending_of(file.path)
            if ending in BESIDE_ENDINGS and stem in known and file.kind != "unreadable":
                found[stem][ending] = file.path
        return found

    @cached_property
    def _metadata(self) -> dict[str, MetadataFile | Unreadable]:
        """By path, the tables that describe images; unreadable ones with the reason."""
        beside = {path for files in self._beside.values() for path in files.values()}
        found: dict[str, MetadataFile | Unreadable] = {}
        for file in self._listing:
            if file.kind != "table" or file.path in beside:
                continue
            if not is_metadata_file(file.path) and file.path != f"{self.folder.name}.json":  # of DiffusionDB
                continue
            data = DataFile(item_of(file.path), str(self.folder / file.path))
            try:
                found[file.path] = MetadataFile(data, file.path.rpartition("/")[0])
            except AttribaseError as error:
                found[file.path] = Unreadable("bad-metadata", str(error), error.hint)
        return found

    @cached_property
    def _by_folder(self) -> dict[str, list[MetadataFile]]:
        """By folder, its tables."""
        found: dict[str, list[MetadataFile]] = defaultdict(list)
        for path, table in self._metadata.items():
            if isinstance(table, MetadataFile):
                found[path.rpartition("/")[0]].append(table)
        return found

    @cached_property
    def _failures(self) -> dict[str, Unreadable]:
        """Every file that is neither an image nor beside one, and rows of images that are not there."""
        beside = {path for files in self._beside.values() for path in files.values()}
        failures: dict[str, Unreadable] = {}
        for file in self._listing:
            if file.kind == "image" or file.path in beside or file.path in self._metadata:
                continue
            failures |= self._other(file)
        for path, table in self._metadata.items():
            name = item_of(path)
            if isinstance(table, Unreadable):
                failures[name] = table
                continue
            failures |= {f"{name}#{number}": problem for number, problem in table.problems}
            failures |= {
                f"{name}#{number}": Unreadable(
                    "missing-file", f"there is no {named}", "add it, or drop the row"
                )
                for named, number in table.paths()
                if named not in self._images and not (self.folder / named).is_file()
                if not table.of_parts or (self.folder / named).parent.is_dir()  # most parts are elsewhere
            }
        return failures

    def _other(self, file: Found) -> dict[str, Unreadable]:
        """Why a file is not read; of img2dataset's table of downloads, the rows that failed."""
        item, path = item_of(file.path), self.folder / file.path
        if file.kind == "unreadable":
            return {item: Unreadable("unreadable", file.problem, "make it readable, or remove it")}
        if file.path.endswith("_stats.json"):
            return {}
        if ending_of(file.path) == "parquet" and (self.folder / stem_of(file.path)).is_dir():
            return failed_downloads(DataFile(item, str(path)))
        if file.kind in ("table", "archive"):
            remedy = "ingest it by itself; a table of owners goes with --metadata"
            return {item: Unreadable("not-read", "a table or archive among images", remedy)}
        ending = ending_of(file.path)
        detail = (
            f"a .{ending} file is no image that is read here" if ending else "it does not begin as an image"
        )
        return {item: Unreadable("not-an-image", detail, "convert it to PNG if it is a picture")}

    def _record(self, path: str) -> ImageRecord | Unreadable:
        try:
            data = (self.folder / path).read_bytes()
            files = {**self._beside.get(path, {}), **self._beside.get(stem_of(path), {})}
            texts = {ending: (self.folder / name).read_bytes() for ending, name in files.items()}
        except OSError as error:
            return Unreadable("unreadable", str(error), "make the file readable")
        beside = read_beside(texts, self._row(path))
        failed = download_failure(beside.row) if "json" in texts else None
        if failed:
            return failed
        folders = path.split("/")[:-1]
        subfolder = readable_name(folders[-1]) if folders else None
        return beside.record(uri_of(self.folder / path), data, self.columns, subfolder)

    def _row(self, path: str) -> dict[str, Any]:
        """The row of the nearest table that describes the image."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            for table in self._by_folder.get(folder, ()):
                row = table.row(path)
                if row is not None:
                    return row
        return {}


def failed_downloads(file: DataFile) -> dict[str, Unreadable]:
    """The rows of img2dataset's table of downloads that failed, by item."""
    from .parquet import ParquetRows

    try:
        source = TableSource(file.name, ParquetRows(file), {}, failed_only=True)
        return {item: why for item, why in source.read(source.items()) if isinstance(why, Unreadable)}
    except AttribaseError as error:
        return {file.name: Unreadable("unreadable", str(error), error.hint)}
