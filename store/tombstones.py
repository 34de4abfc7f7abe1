"""What was removed and must not come back: ids of images, and of models and samples made from them.

A tombstone is written before any row is deleted, and every write of rows that name items looks at the
tombstones before and after its commit. So of two processes, one that removes an item and one that writes it,
the second to commit sees the other: no row comes back, in whatever order they run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import NotFoundError
from .ids import content_id
from .lookup import FEW, is_in
from .retries import with_retries
from .tables import Tables

ITEM_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "images": ("image_id",),
        "members": ("image_id",),
        "models": ("model_id", "exemplar_ids"),
        "samples": ("sample_id", "model_id"),
        "ranks": ("sample_id", "image_id"),
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
        version = int(tables.dataset("tombstones").version)
    except NotFoundError:
        return NONE
    return _read(tables, version)


@lru_cache(maxsize=4)
def _read(tables: Tables, version: int) -> Tombstones:
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


def delete_tombstones(tables: Tables, ids: Sequence[str]) -> None:
    """Let these items come back."""
    delete_rows(tables, "tombstones", "item_id", ids)


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


def delete_named_rows(tables: Tables, table: str, ids: Iterable[str]) -> int:
    """Delete the rows of `table` that name one of `ids`. Returns how many; none makes no new version."""
    columns = item_columns(table)
    rows = tables.read(table, list(columns))
    named = rows.filter(named_rows(table, rows, ids))
    wanted = pa.array(list(ids), pa.string())
    for column in columns:
        if pa.types.is_list(named[column].type):  # Lance has no filter for these: by the key
            delete_rows(tables, table, columns[0], named[columns[0]].to_pylist())
        else:
            values = named[column].unique()
            delete_rows(tables, table, column, values.filter(pc.is_in(values, wanted)).to_pylist())
    return int(named.num_rows)


def removed_from(rows: Sequence[Mapping[str, Any]], tombstones: Tombstones) -> dict[str, Tombstone]:
    """The tombstones that keep some of `rows` of images out, by image_id. See `Store.removed`."""
    found = {}
    for row in rows:
        one = tombstones.of_image(row["image_id"], row.get("uri"), has_bytes=row.get("bytes") is not None)
        if one is not None:
            found[row["image_id"]] = one
    return found
