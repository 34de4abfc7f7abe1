"""Images of a release, written to the store: with bytes where the file exists, else as references by uri."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...runtime.decode import PIXEL_LIMIT, BadImageError, decode_image
from ...runtime.devices import core_count
from ...store import Failure, Store, content_id
from ...store.lookup import quote
from ...store.tombstones import read_tombstones
from ..images.sources.source import Unreadable

ENDINGS = (".png", ".jpg", ".jpeg")  # the gallery is published as PNG and, smaller, as JPEG
GALLERY_FOLDERS = ("dataset/laion_subset_jpeg", "dataset/laion_subset")
READ_AHEAD = 64


@dataclass(frozen=True)
class ReleasedImage:
    """The bytes of an image that decodes, and its size in pixels."""

    data: bytes
    width: int
    height: int


@dataclass
class ImageFolder:
    """The image files below `folder`. Those of more than `pixel_limit` pixels count as unreadable."""

    folder: Path
    pixel_limit: int = PIXEL_LIMIT
    _folders: dict[tuple[str, bool], list[Path]] = field(default_factory=dict, repr=False)

    def find(self, path: str, *, gallery: bool = False) -> Path | None:
        """The file of the release's `path`, None where it does not exist. Never one outside of `folder`.

        A gallery image is also looked for in the gallery's own folders, where the release's demo expects it.
        """
        parent, _, name = path.rpartition("/")
        if (parent, gallery) not in self._folders:  # a million paths lie in few folders
            self._folders[parent, gallery] = [
                one for one in self._candidate_folders(parent, gallery) if one.is_dir()
            ]
        for folder in self._folders[parent, gallery]:
            stem = name.rpartition(".")[0] or name
            for candidate in (name, *(stem + ending for ending in ENDINGS)):
                if (folder / candidate).is_file():
                    return folder / candidate
        return None

    def _candidate_folders(self, parent: str, gallery: bool) -> Iterator[Path]:
        """The folders that may hold the files of the release's folder `parent`."""
        pure = PurePosixPath(parent)
        if pure.is_absolute() or ".." in pure.parts or "\\" in parent:
            return
        yield self.folder / pure
        if gallery:
            above = next((one for one in GALLERY_FOLDERS if pure.is_relative_to(one)), ".")
            yield from (self.folder / one / pure.relative_to(above) for one in GALLERY_FOLDERS)

    def read(
        self, paths: Sequence[str], *, gallery: bool = False
    ) -> Iterator[tuple[str, ReleasedImage | Unreadable | None]]:
        """Each path with its image, the reason why it is unusable, or None where there is no file."""
        stream = iter(paths)
        with ThreadPoolExecutor(max_workers=core_count()) as pool:
            while ahead := list(islice(stream, READ_AHEAD)):
                files = [self.find(path, gallery=gallery) for path in ahead]
                images = pool.map(self._read, [file for file in files if file])
                for path, file in zip(ahead, files, strict=True):
                    yield path, next(images) if file else None

    def _read(self, file: Path) -> ReleasedImage | Unreadable:
        try:
            data = file.read_bytes()
            return ReleasedImage(data, *decode_image(data, self.pixel_limit).size)
        except OSError as error:
            return Unreadable("unreadable", str(error.strerror))
        except BadImageError as error:
            return Unreadable(error.reason, str(error))


COMMIT_BYTES = 64 << 20
STAGE = "release"
REMEDY = (
    "it stays a reference by its uri; put a good file there and import into a new store to have its bytes"
)


@dataclass(frozen=True)
class RowWriter:
    """Writes image and sample rows, a bounded number of bytes a commit.

    Files that cannot be used become failures; so do images that were removed from the store.
    """

    store: Store
    images: ImageFolder

    def write(self, table: str, rows: Iterator[tuple[dict[str, Any], Unreadable | None]]) -> set[str]:
        """Upsert the rows, each with the reason why its file is unusable, if it is.

        Returns the ids of the images that were removed and are left out.
        """
        held: list[dict[str, Any]] = []
        failures: list[Failure] = []
        removed: set[str] = set()
        size = 0
        for row, problem in rows:
            held.append(row)
            size += len(row["bytes"] or b"")
            if problem:
                failures.append(Failure(row["uri"], problem.reason, problem.detail, REMEDY))
            if size > COMMIT_BYTES:
                removed |= self._upsert(table, held, failures)
                held, size = [], 0
        removed |= self._upsert(table, held, failures)
        self.store.record_failures(STAGE, failures, source=str(self.images.folder.resolve()))
        return removed

    def _upsert(self, table: str, rows: list[dict[str, Any]], failures: list[Failure]) -> set[str]:
        removed = self.store.removed(rows) if table == "images" else {}
        kept = [row for row in rows if row.get("image_id") not in removed]
        self.store.upsert(table, kept)
        for row in rows:
            if row.get("image_id") in removed:
                stone = removed[row["image_id"]]
                failures.append(Failure(row["uri"], "removed", stone.story, stone.remedy))
        return set(removed)

    def leave_out(self, ids: Mapping[str, str]) -> set[str]:
        """Record the images that were removed as failures, from their ids by path. Returns their ids."""
        stones = read_tombstones(self.store).by_id
        removed = {path: stones[name] for path, name in ids.items() if name in stones}
        failures = [Failure(path, "removed", one.story, one.remedy) for path, one in removed.items()]
        self.store.record_failures(STAGE, failures, source=str(self.images.folder.resolve()))
        return {ids[path] for path in removed}


def image_columns(
    path: str, found: ReleasedImage | Unreadable | None
) -> tuple[dict[str, Any], Unreadable | None]:
    """The columns that images and samples share, and the reason why the file is unusable."""
    if isinstance(found, ReleasedImage):
        return {"uri": path, "width": found.width, "height": found.height, "bytes": found.data}, None
    return {"uri": path, "width": None, "height": None, "bytes": None}, found


def add_images(
    writer: RowWriter,
    collection: str,
    paths: Sequence[str],
    known: Sequence[str | None],
    *,
    gallery: bool = False,
) -> list[str]:
    """Store the images of `paths`, except those whose id is `known`, and make all members of `collection`.

    Returns the id of each path: the hash of its bytes where there is a file, else of its uri.
    """
    ids: dict[str, str] = {path: name for path, name in zip(paths, known, strict=True) if name}
    fresh = [path for path in dict.fromkeys(paths) if path not in ids]

    def rows() -> Iterator[tuple[dict[str, Any], Unreadable | None]]:
        for path, found in writer.images.read(fresh, gallery=gallery):
            columns, problem = image_columns(path, found)
            ids[path] = content_id(columns["bytes"] or path.encode())
            yield {"image_id": ids[path], **columns}, problem

    removed = writer.write("images", rows()) if fresh else set()
    removed |= writer.leave_out(ids)
    found = [ids[path] for path in paths]
    joining = [one for one in found if one not in removed]
    members = {
        "collection": pa.array([collection] * len(joining), pa.string()),
        "image_id": pa.array(joining, pa.string()),
    }
    writer.store.upsert("members", pa.table(members))
    return found


def known_images(store: Store, paths: pa.StringArray, *, aliases: bool = False) -> pa.StringArray:
    """The image_id of each path that is the uri of a stored or a removed image; null for others.

    With `aliases` a uri that differs only in its image ending matches too, unless it is one of `paths`.
    """
    rows = store.read("images", ["uri", "image_id"])
    rows = rows.filter(pc.is_valid(rows["uri"]))
    stones = list(read_tombstones(store).by_uri.items())
    uris = pa.concat_arrays([*rows["uri"].chunks, pa.array([uri for uri, _ in stones], pa.string())])
    ids = pa.concat_arrays(
        [*rows["image_id"].chunks, pa.array([one.item_id for _, one in stones], pa.string())]
    )
    found = ids.take(pc.index_in(paths, value_set=uris))
    if not aliases or not len(uris) or not found.null_count:
        return found
    for ending in ENDINGS:
        other = pc.replace_substring_regex(paths, r"\.[A-Za-z]+$", ending)
        alias = ids.take(pc.index_in(other, value_set=uris))
        own = pc.is_in(other, value_set=paths)
        found = pc.coalesce(found, pc.if_else(own, pa.scalar(None, pa.string()), alias))
    return found


def count_unused_files(store: Store, images: ImageFolder) -> int:
    """How many references of the store have a file now. They stay references: ids do not change."""
    count = 0
    failed: Mapping[str, None] = dict.fromkeys(
        store.read("failures", ["item"], f"stage = {quote(STAGE)}")["item"].to_pylist()
    )
    for table in ("images", "samples"):
        for batch in store.scan(table, ["uri"], "width is null and uri is not null", batch_rows=65536):
            for path in batch["uri"].to_pylist():
                count += path not in failed and images.find(path, gallery=table == "images") is not None
    return count
