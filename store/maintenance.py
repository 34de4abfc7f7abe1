"""What a store holds on disk, and compaction, which makes it small and fast again."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import lance

from .columns import blob_columns
from .files import files_of
from .indexes import index_all_new_rows
from .jobs import Step
from .layout import SUFFIX
from .retries import with_retries
from .store import Store

KEEP = timedelta(days=1)
UNCOMMITTED = timedelta(days=7)
"""The age from which Lance removes files that no version names: younger ones may be committed yet."""
PIN = "pinned-v"
VECTOR_ROWS = 1 << 17  # of a fragment: setting a mapped column holds one fragment's vectors in memory
TABLES_AT_ONCE = 4  # opened for `info`: most of the time is waiting for the disk or the object store
BLOB_BATCH = 32  # rows in memory while blobs, which may be megabytes each, are rewritten


@dataclass(frozen=True)
class TableInfo:
    """The size of a table. `versions` and `bytes` include old versions."""

    table: str
    rows: int
    version: int
    versions: int
    fragments: int
    bytes: int


def info(store: Store) -> list[TableInfo]:
    """The size of every table, by name."""
    with ThreadPoolExecutor(TABLES_AT_ONCE) as threads:
        return list(threads.map(partial(_table_info, store), store.tables()))


def _table_info(store: Store, table: str) -> TableInfo:
    dataset = store.dataset(table)
    files = list(files_of(store.layout).below(f"{table}{SUFFIX}"))
    return TableInfo(
        table=table,
        rows=int(dataset.count_rows()),
        version=int(dataset.version),
        versions=sum(file.name.endswith(".manifest") for file in files),
        fragments=len(dataset.get_fragments()),
        bytes=sum(file.size for file in files),
    )


def table_bytes(store: Store, table: str) -> int:
    """Bytes of all files of a table, those of old versions included."""
    return sum(file.size for file in files_of(store.layout).below(f"{table}{SUFFIX}"))


def compact(store: Store, *, keep: timedelta = KEEP) -> Iterator[Step]:
    """Merge small fragments, add new rows to indexes and remove old versions; a step a table.

    Keeps versions that are younger than `keep`, tagged, or named by runs, mappers, calibrations or
    abstentions as what they were made from. Safe beside writers; a killed compaction leaves the tables as
    they were.
    """
    _remove_leftovers(store, keep)
    pins = pinned_versions(store)
    tables = store.tables()
    for done, table in enumerate(tables, start=1):
        with_retries(f"compacting {table}", lambda table=table: compact_files(store, table))  # type: ignore[misc]
        dataset = store.dataset(table)
        index_all_new_rows(dataset)
        freed = 0
        if _has_old_files(store, table, keep):
            pin_versions(dataset, pins.get(table, set()))
            removed = dataset.cleanup_old_versions(older_than=keep, error_if_tagged_old_versions=False)
            freed = removed.bytes_removed
        yield Step("compact", done, len(tables), f"{table}: {freed >> 10} KiB freed")


def _has_old_files(store: Store, table: str, keep: timedelta) -> bool:
    """Whether there may be files to remove: finding out which takes Lance a request for every version.

    There are where a version before the newest is older than `keep`, or any other file so old that Lance
    takes it for one that was never committed.
    """
    files = list(files_of(store.layout).below(f"{table}{SUFFIX}"))
    now = datetime.now(UTC)
    versions = sorted(now - file.modified for file in files if file.name.endswith(".manifest"))
    others = (now - file.modified for file in files if not file.name.endswith(".manifest"))
    return any(age >= keep for age in versions[1:]) or any(age > UNCOMMITTED for age in others)


def compact_files(store: Store, table: str, *, drop_deleted: bool = False) -> None:
    """Merge the small fragments of a table; with `drop_deleted` rewrite all that have a deleted row."""
    options = compaction_options(store, table)
    if drop_deleted:
        options["materialize_deletions_threshold"] = 0.0
    store.dataset(table).optimize.compact_files(**options)


def compaction_options(store: Store, table: str) -> dict[str, float]:
    """How the fragments of a table are merged: options of Lance's compaction."""
    blobs = blob_columns(store.schema(table))
    options: dict[str, float] = {"batch_size": BLOB_BATCH} if blobs else {}
    if table.startswith(("vectors_", "views_")):
        options["target_rows_per_fragment"] = VECTOR_ROWS
    return options


def _remove_leftovers(store: Store, keep: timedelta) -> None:
    """Remove what killed processes left half written, unless it is young: a process may be writing it now."""
    if not store.layout.local:
        return
    root = Path(store.uri)
    for path in [*root.glob(".*.part"), *root.glob("files/**/.*.part")]:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < keep.total_seconds():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def pinned_versions(store: Store) -> dict[str, set[int]]:
    """The versions of each table that runs, mappers, calibrations and abstentions were made from."""
    pins: dict[str, set[int]] = {}
    for table in ("runs", "mappers", "calibrations", "abstentions"):
        for text in store.read(table, ["table_versions"])["table_versions"].to_pylist():
            for name, version in json.loads(text or "{}").items():
                pins.setdefault(name, set()).add(int(version))
    return pins


def pin_versions(dataset: lance.LanceDataset, versions: set[int]) -> None:
    """Tag exactly those of `versions` that still exist, so that removing old versions keeps them."""
    tagged = {name for name in dataset.tags.list() if name.startswith(PIN)}
    wanted = {f"{PIN}{version}": version for version in versions}
    for name in tagged - wanted.keys():
        dataset.tags.delete(name)
    for name in wanted.keys() - tagged:
        with contextlib.suppress(ValueError, OSError):  # the version is gone, or another process was first
            dataset.tags.create(name, wanted[name])
