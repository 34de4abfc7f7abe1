"""Deleting the bytes of removed items from every file of a store: old versions, indexes, unfinished writes.

Lance keeps deleted rows in the files and versions that had them. Erasing rewrites the files of the newest
version without them (a compaction, which writes the indexes anew too) and deletes all older versions, except
tagged ones whose files never held them. Verified with Lance 14 (tests/store/test_erasure.py).
"""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lance
import pyarrow as pa
from lance.file import LanceFileReader, LanceFileSession

from .columns import utc_now
from .errors import ConflictError
from .files import files_of
from .jobs import Step
from .layout import CODES, SUFFIX
from .lookup import SCAN_ROWS
from .maintenance import PIN, compact_files, pin_versions, pinned_versions
from .retries import with_retries
from .store import Store
from .tags import TAG, delete_tag
from .tombstones import Tombstone, item_columns, named_rows, read_tombstones, write_tombstones

STAGE = "erase"
GRACE = timedelta(days=7)
"""A file that no version names may be of a process that is about to commit it, unless it is older."""


def erase(store: Store, *, delete_tags: bool = False, grace: timedelta = GRACE) -> Iterator[Step]:
    """Delete what was removed from old versions too, wherever that was asked for; a step a table.

    Args:
        store: the store.
        delete_tags: also delete the tags whose versions hold what was removed.
        grace: the age from which files of unfinished writes are deleted; 0 while nothing writes the store.

    Raises ConflictError for tags of such versions, before anything is deleted, and in the end where younger
    files of unfinished writes may hold what was removed.
    """
    wanted = [one for one in read_tombstones(store).by_id.values() if one.erase and not one.erased_at]
    if not wanted:
        return
    tables = [_Table(store, table, {one.item_id for one in wanted}) for table in _item_tables(store)]
    holding = {table.name: table.tags_that_hold() for table in tables}
    tags = sorted({tag for held in holding.values() for tag in held if TAG.fullmatch(tag)})
    if tags and not delete_tags:
        raise ConflictError(
            f"versions that hold what was removed have the tags {', '.join(tags)}",
            hint="delete these tags too: --delete-tags",
        )
    pins = pinned_versions(store)
    for tag in tags:
        delete_tag(store, tag)
    young: list[str] = []
    for done, table in enumerate(tables, start=1):
        table.rewrite(pins.get(table.name, set()), holding[table.name])
        young += table.delete_unfinished(grace)
        yield Step(STAGE, done, len(tables), table.name)
    files = files_of(store.layout)
    for file in list(files.below(f"files/{CODES}")):
        files.delete(file.name)
    if young:
        raise ConflictError(
            f"{len(young)} files of unfinished writes may hold what was removed, the first is {young[0]}",
            hint="run it again with --exclusive while no other process writes the store",
        )
    _mark_erased(store, wanted)


def _item_tables(store: Store) -> list[str]:
    return [table for table in store.tables() if item_columns(table)]


def _mark_erased(store: Store, wanted: Collection[Tombstone]) -> None:
    now = utc_now()
    write_tombstones(store, [replace(one, erased_at=now) for one in wanted])


@dataclass
class _Table:
    """One table and what it must not hold any more."""

    store: Store
    name: str
    ids: set[str]
    _held: dict[Hashable, bool] = field(default_factory=dict)  # by the files of a fragment

    def tags_that_hold(self) -> dict[str, int]:
        """The tags, ours for pinned versions included, of versions whose files have a row of `ids`."""
        tags = self.store.dataset(self.name).tags.list()
        versions = {tag: int(found["version"]) for tag, found in tags.items()}
        return {tag: version for tag, version in versions.items() if self._version_holds(version)}

    def _version_holds(self, version: int) -> bool:
        dataset = self.store.dataset(self.name, version)
        return any(self._fragment_holds(dataset, fragment) for fragment in dataset.get_fragments())

    def _fragment_holds(self, dataset: lance.LanceDataset, fragment: lance.LanceFragment) -> bool:
        """Whether the files of a fragment have a row of `ids`, deleted or not."""
        files = tuple(file.path for file in fragment.metadata.files)
        if files not in self._held:
            scanner = dataset.scanner(
                columns=list(item_columns(self.name)),
                fragments=[fragment],
                with_row_id=True,
                include_deleted_rows=True,
                batch_size=SCAN_ROWS,
            )
            self._held[files] = any(self._names(pa.table(batch)) for batch in scanner.to_batches())
        return self._held[files]

    def _names(self, rows: pa.Table) -> bool:
        return bool(named_rows(self.name, rows, self.ids).true_count)

    def rewrite(self, pins: set[int], holding: dict[str, int]) -> None:
        """Write the newest version anew and delete the others, but for tagged ones that hold nothing."""
        with_retries(
            f"compacting {self.name}", lambda: compact_files(self.store, self.name, drop_deleted=True)
        )
        dataset = self.store.dataset(self.name)
        for tag in holding:
            if tag.startswith(PIN):
                dataset.tags.delete(tag)
        clean = {version for version in pins - set(holding.values()) if self._is_clean(version)}
        pin_versions(dataset, clean)
        dataset.cleanup_old_versions(older_than=timedelta(0), error_if_tagged_old_versions=False)

    def _is_clean(self, version: int) -> bool:
        there = {int(found["version"]) for found in self.store.dataset(self.name).versions()}
        return version in there and self._is_whole(version) and not self._version_holds(version)

    def _is_whole(self, version: int) -> bool:
        """Whether all data files of a version are there: a cleanup deletes them before the version itself."""
        dataset = self.store.dataset(self.name, version)
        folder = LanceFileSession(str(dataset.uri))
        files = (file.path for one in dataset.get_fragments() for file in one.metadata.files)
        return all(folder.contains(f"data/{path}") for path in files)

    def delete_unfinished(self, grace: timedelta) -> list[str]:
        """Delete files that no version names and that are older than `grace`.

        Returns the younger ones that may hold a row of `ids`.
        """
        files = files_of(self.store.layout)
        named, young = self._named_files(), []
        for folder in (f"{self.name}{SUFFIX}/data", f"{self.name}{SUFFIX}/_indices"):
            for file in files.below(folder):
                if file.name.removeprefix(folder).split("/")[1] in named:
                    continue
                if datetime.now(UTC) - file.modified >= grace:
                    files.delete(file.name)
                elif self._may_hold(f"{self.store.uri}/{file.name}"):
                    young.append(f"{self.store.uri}/{file.name}")
        return young

    def _named_files(self) -> set[str]:
        """The names of the data files and index folders of all versions that are left."""
        newest = self.store.dataset(self.name)
        named = set()
        for found in newest.versions():
            dataset = self.store.dataset(self.name, int(found["version"]))
            named |= {Path(file.path).name for one in dataset.get_fragments() for file in one.metadata.files}
            named |= {str(segment.uuid) for one in dataset.describe_indices() for segment in one.segments}
        return named

    def _may_hold(self, path: str) -> bool:
        """Whether a file that no version names has a row of `ids`; one that cannot be read may.

        `path`: it, or its URI.
        """
        try:
            rows = LanceFileReader(path, columns=list(item_columns(self.name))).read_all().to_table()
        except (OSError, ValueError, RuntimeError):
            return True
        return self._names(rows)
