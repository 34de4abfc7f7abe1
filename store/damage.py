"""Lost, cut and unreadable files of a store, found by what each table's newest version says of its files.

Lance keeps no checksums, but the size of every data file and index. A file of the right size in which bits
are flipped is found when it cannot be decoded.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import lance
import pyarrow as pa

from .columns import blob_columns
from .errors import AttribaseError, DataError
from .files import Files, files_of
from .layout import SUFFIX, Layout
from .lookup import SCAN_ROWS
from .marker import read_marker
from .schema import LATER_TABLES, TABLES
from .storage_errors import explain_access, first_line, is_storage_error
from .tables import BLOB_ROWS, Tables
from .upgrade import schema_id

MAGIC = b"LANC"  # the end of every manifest and data file
MANIFEST = re.compile(r"_versions/[^/]+\.manifest")
HINTED = "latest_version_hint.json"
FOOTER = 16  # bytes of a manifest's: where it begins, its format's version, MAGIC
HINT = "attribase check names every damaged file and what to do about it"


RECOMPUTED = {
    "ranks": "attribase query eval",
    "runs": "attribase query eval",
    "indexes": "attribase index --force",
    "mappers": "attribase train mapper",
    "calibrations": "attribase train calibration",
    "gallery_moments": "attribase train abstention",
    "abstentions": "attribase train abstention",
    "evidence": "attribase query eval",
    "retrievals": "attribase query retrieval",
    "image_hashes": "attribase cluster --by phash",
    "cluster_runs": "attribase cluster",
    "cluster_links": "attribase cluster",
    "cluster_members": "attribase cluster",
    "maps": "attribase query map",
    "map_points": "attribase query map",
    "encoders": "attribase ingest embed",
    "jobs": "the command that was not finished",
    "failures": "the ingest that had them",
}
"""What makes the rows of a table again, once `attribase init` has made the table."""


@dataclass(frozen=True)
class Damage:
    """`file`, relative to the store, of `table`: `what` is wrong with it."""

    table: str
    file: str
    what: str

    @property
    def remedy(self) -> str:
        """What to do about a damaged file, by what the table can be made from again."""
        backup = "restore the folder of the table from a backup"
        aside = f"move {self.table}.lance out of the store"
        if "/_indices/" in self.file:
            return "build the index anew: attribase index --force"
        if self.table.startswith("vectors_"):
            return f"{backup}, or {aside} and embed again: attribase ingest embed"
        if self.table.startswith("views_"):
            return f"{backup}, or {aside} and embed the views again"
        if self.table in RECOMPUTED:
            return f"{backup}, or {aside}, then attribase init and {RECOMPUTED[self.table]}"
        return f"{backup}, or ingest its sources into a new store"


def find_damage(tables: Tables, *, read: bool = False) -> list[Damage]:
    """The damaged files of every table.

    Args:
        tables: the store.
        read: also read every row and index, which finds files that cannot be decoded: slow.
    """
    return [damage for table in expected_tables(tables) for damage in _damage_of(tables, table, read=read)]


def expected_tables(tables: Tables) -> list[str]:
    """The tables that there are or ought to be, those that have lost all their manifests included."""
    found = set(TABLES) | set(tables.tables())
    marker = read_marker(tables.layout)
    if marker is None or marker.schema != schema_id():  # an earlier version made it
        found -= LATER_TABLES - set(tables.tables())
    folders = files_of(tables.layout).folders()
    return sorted(found | {name.removesuffix(SUFFIX) for name in folders if name.endswith(SUFFIX)})


def _damage_of(tables: Tables, table: str, *, read: bool) -> Iterator[Damage]:
    files = files_of(tables.layout)
    sizes = {file.name: file.size for file in files.below(f"{table}{SUFFIX}")}
    found = list(_damaged_manifests(files, table, sizes))
    if found:
        yield from found
        return
    try:
        dataset = tables.dataset(table)
        fragments = dataset.get_fragments()
    except BaseException as error:
        if not is_storage_error(error):
            raise
        yield Damage(table, f"{table}{SUFFIX}/_versions", f"cannot be read: {first_line(error)}")
        return
    lost = list(_lost_files(sizes, table, dataset))
    yield from lost
    if read:
        names = {damage.file for damage in lost}
        for fragment in fragments:
            named = _files_of(table, fragment)
            if names.isdisjoint(named):
                yield from _unreadable_rows(table, dataset, fragment, named)
        if not lost:
            yield from _unreadable_indexes(table, dataset)


def _damaged_manifests(files: Files, table: str, sizes: Mapping[str, int]) -> Iterator[Damage]:
    """Whether the newest manifest of a table is there and whole. Opening a broken one can panic."""
    folder = f"{table}{SUFFIX}"
    if not sizes and folder not in files.folders():
        yield Damage(table, folder, "is missing")
        return
    manifests = [name for name in sizes if MANIFEST.fullmatch(name.removeprefix(f"{folder}/"))]
    numbers = {_version_of(name): name for name in manifests}
    if not numbers:
        yield Damage(table, f"{folder}/_versions", "has no version of the table")
        return
    newest = max(numbers)
    data = files.read(numbers[newest])
    if data[-4:] != MAGIC or int.from_bytes(data[-FOOTER : -FOOTER + 8], "little") >= len(data) - FOOTER:
        yield Damage(table, numbers[newest], "is cut off or changed")
    hint = _hinted_version(files, f"{folder}/_versions/{HINTED}", sizes)
    if hint > newest:
        yield Damage(table, f"{folder}/_versions", f"has version {newest} only, {hint} is missing")


def _version_of(manifest: str) -> int:
    """The version that a manifest is of: names count down from 2^64 - 1, or up in tables of old Lance."""
    stem = PurePosixPath(manifest).stem
    number = int(stem) if stem.isdigit() else 0
    return (1 << 64) - 1 - number if number >> 63 else number


def _hinted_version(files: Files, name: str, sizes: Mapping[str, int]) -> int:
    """The newest version that Lance noted after a commit; 0 where it noted none, as in object stores."""
    try:
        return int(json.loads(files.read(name))["version"]) if name in sizes else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _lost_files(sizes: Mapping[str, int], table: str, dataset: lance.LanceDataset) -> Iterator[Damage]:
    """Files that the newest version names and that are missing or of another size."""
    for fragment in dataset.get_fragments():
        wanted = [file.file_size_bytes for file in fragment.metadata.files]
        for name, size in zip(_data_files(table, fragment), wanted, strict=True):
            if name not in sizes:
                yield Damage(table, name, "is missing")
            elif size and sizes[name] != size:
                yield Damage(table, name, f"has {sizes[name]} bytes instead of {size}")
        for name in _deletion_files(table, fragment):
            if name not in sizes:
                yield Damage(table, name, "is missing")
    below = _bytes_by_folder(sizes)
    for index in dataset.describe_indices():
        for segment in index.segments:
            name = f"{table}{SUFFIX}/_indices/{segment.uuid}"
            if name not in below:
                yield Damage(table, name, "is missing")
            elif segment.size_bytes and below[name] != segment.size_bytes:
                yield Damage(table, name, "has another size than it was written with")


def _bytes_by_folder(sizes: Mapping[str, int]) -> Mapping[str, int]:
    """The bytes of the files directly in each folder."""
    total: Counter[str] = Counter()
    for name, size in sizes.items():
        total[name.rpartition("/")[0]] += size
    return total


def _data_files(table: str, fragment: lance.LanceFragment) -> list[str]:
    return [f"{table}{SUFFIX}/data/{file.path}" for file in fragment.metadata.files]


def _deletion_files(table: str, fragment: lance.LanceFragment) -> list[str]:
    deletion = fragment.metadata.deletion_file
    return [f"{table}{SUFFIX}/{deletion.path(fragment.fragment_id)}"] if deletion else []


def _files_of(table: str, fragment: lance.LanceFragment) -> list[str]:
    return _data_files(table, fragment) + _deletion_files(table, fragment)


def _unreadable_rows(
    table: str, dataset: lance.LanceDataset, fragment: lance.LanceFragment, files: list[str]
) -> Iterator[Damage]:
    """Whether all columns of a fragment can be decoded, blobs included."""
    options: dict[str, object] = {"batch_size": SCAN_ROWS}
    if blob_columns(dataset.schema):
        options = {"batch_size": BLOB_ROWS, "batch_readahead": 2, "blob_handling": "all_binary"}
    try:
        for batch in dataset.scanner(
            columns=dataset.schema.names, fragments=[fragment], **options
        ).to_batches():
            batch.validate(full=True)
    except BaseException as error:
        if not is_storage_error(error) and not isinstance(error, pa.ArrowInvalid):
            raise
        yield Damage(table, ", ".join(files), f"cannot be read: {first_line(error)}")


def _unreadable_indexes(table: str, dataset: lance.LanceDataset) -> Iterator[Damage]:
    """Whether all indexes can be read."""
    for index in dataset.describe_indices():
        try:
            dataset.prewarm_index(index.name)
        except BaseException as error:
            if not is_storage_error(error):
                raise
            folder = f"{table}{SUFFIX}/_indices/{index.segments[0].uuid}"
            yield Damage(table, folder, f"cannot be read: {first_line(error)}")


def explain(error: BaseException, uri: str) -> AttribaseError | None:
    """The error for a user where the store at `uri` cannot be read or written; None for any other `error`."""
    if not is_storage_error(error):
        return None
    known = explain_access(error, uri)
    if known is not None:
        return known
    damaged = find_damage(Tables(Layout.of(uri))) if uri else []
    if damaged:
        more = f" (and {len(damaged) - 1} more files)" if len(damaged) > 1 else ""
        first = damaged[0]
        return DataError(f"{first.table} is damaged: {first.file} {first.what}{more}", hint=HINT)
    return DataError(f"the store {uri} cannot be read: {first_line(error)[:300]}", hint=HINT)
