"""The values that images, samples or models have in one field, and how many have each: what filters offer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..image_fields import read_field
from ..session import Snapshot
from .service import open_dataset

COLLECTION = "collection"

MOST_VALUES = 100_000
"""Distinct values that are kept; the rarest beyond them are not offered."""

IMAGE_FIELDS = {
    COLLECTION: "members",
    **dict.fromkeys(("creator", "rights_holder", "license", "reservation", "source", "category"), "images"),
}
"""The fields that images are listed by, and the table that each is read from."""

SAMPLE_FIELDS = {
    "scheme": ("samples", "scheme"),
    "case": ("models", "case_name"),
    "split": ("models", "split"),
}
"""The fields that samples are listed by: table and column. Those of models count models."""


@dataclass(frozen=True)
class FieldValues:
    """The distinct `values` of a field, the most frequent first, then by name, and the `counts` of each.

    `distinct`: how many values there are; MOST_VALUES are kept. `unknown`: how many rows have none.
    """

    values: pa.Array
    counts: pa.Array
    distinct: int
    unknown: int

    def listed(self, text: str, limit: int) -> dict[str, Any]:
        """At most `limit` values that contain `text`, in any case; `total` is how many do."""
        values, counts, total = self.values, self.counts, self.distinct
        if text:
            kept = pc.match_substring(values, text, ignore_case=True)
            values, counts = values.filter(kept), counts.filter(kept)
            total = len(values)
        pairs = zip(values[:limit].to_pylist(), counts[:limit].to_pylist(), strict=True)
        rows = [{"value": value, "count": count} for value, count in pairs]
        return {"total": total, "unknown": self.unknown, "values": rows}


def field_values(snapshot: Snapshot, name: str) -> FieldValues:
    """The values of one of IMAGE_FIELDS or SAMPLE_FIELDS, read once a version."""
    table = IMAGE_FIELDS[name] if name in IMAGE_FIELDS else SAMPLE_FIELDS[name][0]
    return snapshot.cached(("field values", name), lambda: _read(snapshot, name), table)


def _read(snapshot: Snapshot, name: str) -> FieldValues:
    if name in IMAGE_FIELDS:
        values = read_field(snapshot.pinned, name, IMAGE_FIELDS[name]).values
    else:
        table, column = SAMPLE_FIELDS[name]
        values = snapshot.pinned.read(table, [column])[column].combine_chunks()
    counted = pc.value_counts(values.drop_null())
    found = pa.table({"value": counted.field("values").cast(pa.string()), "count": counted.field("counts")})
    found = found.sort_by([("count", "descending"), ("value", "ascending")]).combine_chunks()
    kept = found.slice(0, MOST_VALUES)
    value, count = (kept[column].combine_chunks() for column in ("value", "count"))
    return FieldValues(value, count, len(found), values.null_count)


def fields_of(snapshot: Snapshot, names: Iterable[str] = tuple(IMAGE_FIELDS)) -> list[str]:
    """Those of `names` that images of the store have; a store of an earlier version may lack some."""
    columns = {*open_dataset(snapshot, "images").schema.names, COLLECTION}
    return [name for name in names if name in columns]
