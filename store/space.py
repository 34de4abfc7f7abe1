"""The disk that a store takes: for its newest state, for tags and results, for old versions and how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .maintenance import KEEP, PIN, compaction_options, pinned_versions, table_bytes
from .opened import for_each

if TYPE_CHECKING:
    import lance

    from .store import Store

NOW = timedelta(0)


@dataclass(frozen=True)
class TableSpace:
    """The disk that one table takes, in bytes.

    Attributes:
        total: on disk, or in the object store.
        tagged: of data that only tagged versions need.
        tags: these tags, by name.
        results: of data that only versions need that runs, mappers and the like were made from.
        freed: of versions that compaction removes now.
        later: of versions that it keeps because they are young.
        ready: when the last of them is old enough, local time; None without such a version.
        merged: of small fragments, which compaction writes again as large ones: as much is added now.
        held: how much of that stays, because tagged versions or results need the small fragments.
    """

    table: str
    total: int
    tagged: int
    tags: tuple[str, ...]
    results: int
    freed: int
    later: int
    ready: datetime | None
    merged: int
    held: int


def measure_space(store: Store, *, keep: timedelta = KEEP) -> list[TableSpace]:
    """What `compact(store, keep=keep)` would do to the disk, by table; nothing is written."""
    pins = pinned_versions(store)
    return for_each(
        store.uri, store.tables(), lambda table: _measure(store, table, pins.get(table, set()), keep)
    )


def _measure(store: Store, table: str, pinned: set[int], keep: timedelta) -> TableSpace:
    dataset = store.dataset(table)
    times = {int(one["version"]): one["timestamp"] for one in dataset.versions()}
    tags = {name: int(tag["version"]) for name, tag in dataset.tags.list().items()}
    named = {name: version for name, version in tags.items() if not name.startswith(PIN)}
    current = _files(dataset)
    by_tags = _files_of(dataset, set(named.values()) & times.keys())
    by_results = _files_of(dataset, pinned & times.keys())
    merged = _merged(store, dataset, table)
    loose = sorted(times.keys() - {int(dataset.version)} - set(named.values()) - pinned)
    young = [times[version] for version in loose if times[version] > datetime.now() - keep]
    later = _removable(dataset, loose, NOW)
    freed = 0 if len(young) == len(loose) else _removable(dataset, loose, keep) if young else later
    return TableSpace(
        table=table,
        total=table_bytes(store, table),
        tagged=_sum(by_tags - current),
        tags=tuple(sorted(named)),
        results=_sum(by_results - current - by_tags),
        freed=freed,
        later=max(0, later - freed),
        ready=max(young) + keep if young else None,
        merged=_sum(merged),
        held=_sum(merged & (by_tags | by_results)),
    )


def _files(dataset: lance.LanceDataset) -> set[tuple[str, int]]:
    """The data files of a version with their sizes."""
    return {
        (file.path, int(file.file_size_bytes or 0))
        for fragment in dataset.get_fragments()
        for file in fragment.data_files()
    }


def _files_of(dataset: lance.LanceDataset, versions: set[int]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    return found.union(*(_files(dataset.checkout_version(version)) for version in sorted(versions)))


def _removable(dataset: lance.LanceDataset, versions: list[int], age: timedelta) -> int:
    """Bytes that would be freed if those of `versions` that are older than `age` were removed."""
    if not versions:
        return 0
    found = dataset.explain_cleanup_old_versions(
        older_than=age, versions=versions, error_if_tagged_old_versions=False
    )
    return int(found.stats.bytes_removed)


def _merged(store: Store, dataset: lance.LanceDataset, table: str) -> set[tuple[str, int]]:
    """The data files that compaction writes again, with their sizes."""
    from lance.optimize import Compaction

    tasks = Compaction.plan(dataset, compaction_options(store, table)).tasks
    fragments = (fragment for task in tasks for fragment in task.fragments)
    return {(file.path, int(file.file_size_bytes or 0)) for fragment in fragments for file in fragment.files}


def _sum(files: set[tuple[str, int]]) -> int:
    return sum(size for _, size in files)
