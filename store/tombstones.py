"""What was removed and must not come back: ids of images, and of models and samples made from them.

A tombstone is written before any row is deleted, and every write of rows that name items looks at the
tombstones before and after its commit. So of two processes, one that removes an item and one that writes it,
the second to commit sees the other: no row comes back, in whatever order they run.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import NotFoundError
from .ids import content_id
from .lookup import FEW, SCAN_ROWS, is_in
from .retries import with_retries
from .tables import Tables

ITEM_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "images": ("image_id",),
        "members": ("image_id",),
        "models": ("model_id", "exemplar_ids"),
        "samples": ("sample_id", "model_id"),
        "ranks": ("sample_id", "image_id"),
        "retrievals": ("image_id",),
        "image_hashes": ("image_id",),
        "cluster_links": ("image_id", "other_id"),
        "cluster_members": ("image_id", "cluster_id"),
        "map_points": ("item_id",),
        "failures": ("item",),
        "abstentions": ("abstention_id", "model_ids"),  # scores of removed samples go with their whole row
    }
)
"""The columns that name items, by table."""


@dataclass(frozen=True)
class Tombstone:
    """An item that was removed. `made_from` are the removed images of a model or sample.

    With `erase` its bytes were to be deleted from old versions too; `erased_at` is when that was done.
    """

    item_id: str
    item_kind: str  # image | model | sample
    uri: str | None
    reason: str | None
    removed_at: datetime
    made_from: tuple[str, ...] = ()
    erase: bool = False
    erased_at: datetime | None = None

    @property
    def story(self) -> str:
        """When and why it was removed."""
        return f"removed on {self.removed_at:%Y-%m-%d}" + (f": {self.reason}" if self.reason else "")

    @property
    def remedy(self) -> str:
        """How it may come back."""
        return "nothing, if that is right; else `attribase ingest readmit` with its id or uri"


@dataclass(frozen=True)
class Tombstones:
    """The tombstones of a store at one version of their table."""

    by_id: Mapping[str, Tombstone]
    by_uri: Mapping[str, Tombstone]  # of images

    def of_image(self, image_id: str, uri: str | None, *, has_bytes: bool) -> Tombstone | None:
        """The tombstone that keeps an image out.

        It is that of its bytes, under whatever uri they come. It is that of its uri where the image is only
        referenced, was only referenced when it was removed, or is on the web: other bytes at a path are
        another picture, at a URL most likely the same one encoded again.
        """
        found = self.by_id.get(image_id)
        if found is None and uri is not None:
            same_uri = self.by_uri.get(uri)
            if same_uri is not None and (not has_bytes or "://" in uri or _is_reference(same_uri)):
                found = same_uri
        return found


NONE = Tombstones({}, {})


def item_columns(table: str) -> tuple[str, ...]:
    """The columns of `table` that name images, models or samples; none for other tables."""
    return ("item_id",) if table.startswith(("vectors_", "views_")) else ITEM_COLUMNS.get(table, ())


def read_tombstones(tables: Tables) -> Tombstones:
    """All tombstones at the newest version. A store of an earlier version that cannot be written has none."""
    try:
        dataset = tables.dataset("tombstones")
    except NotFoundError:
        return NONE
    files = "".join(str(fragment.metadata) for fragment in dataset.get_fragments())
    return _read(tables, int(dataset.version), files) if files else NONE


@lru_cache(maxsize=4)
def _read(tables: Tables, version: int, files: str) -> Tombstones:  # noqa: ARG001 - part of the cache's key
    """The tombstones at a version; `files` tells it from that version of another table at the same path."""
    rows = tables.dataset("tombstones", version).to_table().to_pylist()
    found = [Tombstone(**row | {"made_from": tuple(row["made_from"] or ())}) for row in rows]
    images = [one for one in found if one.item_kind == "image" and one.uri is not None]
    return Tombstones({one.item_id: one for one in found}, {str(one.uri): one for one in images})


def _is_reference(tombstone: Tombstone) -> bool:
    """Whether the image had no bytes when it was removed: its id is the hash of its uri."""
    return tombstone.uri is not None and tombstone.item_id == content_id(tombstone.uri.encode())


def write_tombstones(tables: Tables, tombstones: Iterable[Tombstone]) -> None:
    """Write tombstones; one that is there is replaced."""
    rows = [vars(one) | {"made_from": list(one.made_from)} for one in tombstones]
    if rows:
        tables.upsert("tombstones", rows, update=True)


def guarded_upsert(tables: Tables, table: str, rows: pa.Table, upsert: Callable[[str, pa.Table], int]) -> int:
    """Upsert the `rows` that name no removed item, and delete those whose item was removed meanwhile.

    Returns the rows that `upsert` inserted or replaced and that stay.
    """
    if not item_columns(table):
        return upsert(table, rows)
    removed = read_tombstones(tables).by_id
    kept = rows.filter(pc.invert(named_rows(table, rows, removed))) if removed else rows
    count = upsert(table, kept)
    late = read_tombstones(tables).by_id.keys() - removed.keys()
    if late and pc.any(named_rows(table, kept, late)).as_py():
        count -= delete_named_rows(tables, table, late)
        _erase_again(tables, late)
    return max(0, count)


def _erase_again(tables: Tables, ids: Iterable[str]) -> None:
    """Note that an old version holds bytes again that were erased from all."""
    erased = [one for one in map(read_tombstones(tables).by_id.get, ids) if one and one.erased_at]
    write_tombstones(tables, [replace(one, erased_at=None) for one in erased])


def named_rows(table: str, rows: pa.Table, ids: Iterable[str]) -> pa.BooleanArray:
    """(rows,) which rows of `table` name one of `ids`."""
    wanted = pa.array(list(ids), pa.string())
    named = np.zeros(rows.num_rows, np.bool_)
    for column in item_columns(table):
        values = rows[column].combine_chunks()
        if pa.types.is_list(values.type):
            hits = pc.is_in(pc.list_flatten(values), wanted)
            named[pc.list_parent_indices(values).filter(hits).to_numpy()] = True
        else:
            named |= np.asarray(pc.is_in(values, wanted))
    return pa.array(named)


def delete_rows(tables: Tables, table: str, column: str, values: Sequence[str]) -> None:
    """Delete the rows of `table` with one of `values` in `column`, FEW values a commit."""
    for start in range(0, len(values), FEW):
        where = is_in(column, values[start : start + FEW])
        with_retries(f"deleting from {table}", lambda where=where: tables.dataset(table).delete(where))  # type: ignore[misc]


def delete_named_rows(tables: Tables, table: str, ids: Collection[str]) -> int:
    """Delete the rows of `table` that name one of `ids`. Returns how many; none makes no new version."""
    columns = item_columns(table)
    values: dict[str, set[str]] = {column: set() for column in columns}
    count = 0
    for batch in tables.scan(table, columns, batch_rows=SCAN_ROWS):
        rows = pa.table(batch)
        named = rows.filter(named_rows(table, rows, ids))
        count += named.num_rows
        for column in columns:
            if pa.types.is_list(named[column].type):  # Lance filters no lists: these go by their key
                values[columns[0]].update(named[columns[0]].to_pylist())
            else:
                values[column].update(set(named[column].to_pylist()) & set(ids))
    for column, found in values.items():
        delete_rows(tables, table, column, sorted(found))
    return count


def removed_from(rows: Sequence[Mapping[str, Any]], tombstones: Tombstones) -> dict[str, Tombstone]:
    """The tombstones that keep some of `rows` of images out, by image_id. See `Store.removed`."""
    found = {}
    for row in rows:
        one = tombstones.of_image(row["image_id"], row.get("uri"), has_bytes=row.get("bytes") is not None)
        if one is not None:
            found[row["image_id"]] = one
    return found
