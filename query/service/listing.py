"""One page of the images or samples of a store, in the order of their ids.

A page begins after, or ends before, an id: it costs the same however far back it is, and stays the same page
when others are added. Ids are read in a stream; no more of them than a page and a batch are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...store.check_items import pool_exemplars
from ...store.errors import InvalidInputError
from ...store.lookup import quote
from ..catalog import GALLERY
from ..conditions import parse_condition
from ..search.condition import matching_image_ids
from ..session import Snapshot
from .service import open_dataset

SCAN_ROWS = 1 << 15
"""Ids read at once."""

IMAGE_KEY = "image_id"
UNLISTED = ("bytes", "metadata")
"""Columns of an image that a list of them does not have."""


@dataclass(frozen=True)
class Place:
    """Where a page is: after an id, before an id, or, with neither, at the beginning."""

    after: str | None = None
    before: str | None = None
    limit: int = 50

    def __post_init__(self) -> None:
        if self.after is not None and self.before is not None:
            raise InvalidInputError("a page is after an id or before one", hint="give `after` or `before`")


@dataclass(frozen=True)
class KeyPage:
    """`keys` of a page, rising; how many there are in all, and how many come before the page."""

    keys: list[str]
    total: int
    skipped: int


def key_page(batches: Iterable[pa.Array], place: Place) -> KeyPage:
    """The page at `place` of the keys in `batches`, which come in any order and are distinct."""
    forward = place.before is None
    edge = place.after if forward else place.before
    order = "ascending" if forward else "descending"
    best, total, beyond = pa.array([], pa.string()), 0, 0
    for keys in batches:
        total += len(keys)
        if edge is not None:
            keys = keys.filter((pc.greater if forward else pc.less)(keys, edge))
        beyond += len(keys)
        both = pa.concat_arrays([best, keys.cast(pa.string())])
        best = both.take(pc.array_sort_indices(both, order=order)[: place.limit])
    found = best.to_pylist()
    if forward:
        return KeyPage(found, total, total - beyond)
    return KeyPage(found[::-1], total, beyond - len(found))


@dataclass(frozen=True)
class ImageFilter:
    """Which images are listed.

    Attributes:
        values: by column of images, or `collection`: the value it must have; None or '' holds for all.
        unknown: columns that must be null.
        role: 'gallery', or 'exemplar' for the images that a model was trained on.
        text: what the caption or the uri contains, in any case.
        where: a condition, as a question takes it.
    """

    values: Mapping[str, str | None]
    unknown: tuple[str, ...] = ()
    role: str | None = None
    text: str | None = None
    where: str | None = None

    def condition(self) -> str | None:
        """The filter but for exemplars as one condition over images and collections; None for all."""
        parts = [f"{name} = {quote(value)}" for name, value in self.values.items() if value]
        parts += [f"{name} is null" for name in self.unknown]
        if self.role == GALLERY:
            parts.append(f"collection = {quote(GALLERY)}")
        if self.text:
            text = quote(self.text.lower())
            parts.append(f"(contains(lower(caption), {text}) or contains(lower(uri), {text}))")
        if self.where and self.where.strip():
            parse_condition(self.where)  # by itself: `a) or (b` would be none of one
            parts.append(f"({self.where})")
        return " and ".join(parts) or None


def image_page(snapshot: Snapshot, wanted: ImageFilter, place: Place) -> dict[str, Any]:
    """`total`, how many are `before` the page, and its `images`, without bytes and metadata.

    Raises InvalidInputError for a condition that is none or fails, and unknown columns.
    """
    page = key_page(_image_ids(snapshot, wanted), place)
    names = [name for name in open_dataset(snapshot, "images").schema.names if name not in UNLISTED]
    return {"total": page.total, "before": page.skipped, "images": rows_of(snapshot, "images", page, names)}


def rows_of(snapshot: Snapshot, table: str, page: KeyPage, columns: list[str]) -> list[dict[str, Any]]:
    """`columns` of the rows of a page, in its order; the first one is the key."""
    found = snapshot.finder(table, columns[0]).rows(page.keys, columns).to_pylist()
    return sorted(found, key=lambda row: str(row[columns[0]]))


def key_batches(snapshot: Snapshot, table: str, key: str, where: str | None = None) -> Iterable[pa.Array]:
    """The keys of a table for which a filter of Lance holds, in a stream."""
    scanner = open_dataset(snapshot, table).scanner(
        columns=[key], filter=where, batch_size=SCAN_ROWS, batch_readahead=2
    )
    for batch in scanner.to_batches():
        yield batch[key]


def _image_ids(snapshot: Snapshot, wanted: ImageFilter) -> Iterable[pa.Array]:
    condition = wanted.condition()
    batches = (
        key_batches(snapshot, "images", IMAGE_KEY)
        if condition is None
        else _slices(matching_image_ids(snapshot.pinned, condition))
    )
    if wanted.role != "exemplar":
        return batches
    exemplars = snapshot.cached(("exemplars",), lambda: _exemplars(snapshot), "models")
    return (keys.filter(pc.is_in(keys, value_set=exemplars)) for keys in batches)


def _exemplars(snapshot: Snapshot) -> pa.Array:
    """The distinct ids of all exemplars."""
    found = pool_exemplars(snapshot.pinned.read("models", ["exemplar_ids", "split"]))
    return pc.unique(found).cast(pa.string())


def _slices(ids: pa.Array) -> Iterable[pa.Array]:
    return (ids.slice(start, SCAN_ROWS) for start in range(0, len(ids), SCAN_ROWS))
