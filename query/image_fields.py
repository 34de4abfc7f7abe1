"""The values that the images of a store have in a column, or in a field of their metadata."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ..store.errors import UnknownFieldError
from .catalog import TableReader

METADATA_FIELD = "metadata."
"""Before the name of a field of the images' metadata."""

NAMED_FIELDS = 30
"""Fields of the metadata that the error for an unknown one names at most."""


@dataclass(frozen=True)
class ImageField:
    """`values` (images,) text, null where there is none, of `image_ids` (images,)."""

    image_ids: pa.Array
    values: pa.Array


def read_field(tables: TableReader, name: str, table: str = "images") -> ImageField:
    """The field `name` of all images: a column of `table`, or `metadata.NAME`.

    Raises UnknownFieldError for a field of the metadata that no image has.
    """
    column = "metadata" if name.startswith(METADATA_FIELD) else name
    rows = tables.read(table, ["image_id", column])
    values = rows[column].combine_chunks()
    if column != name:
        texts, values = values, _metadata_field(values, name)
        if values.null_count == len(values):
            raise _unknown_field(texts, name)
    return ImageField(rows["image_id"].combine_chunks(), values)


def _unknown_field(texts: pa.StringArray, name: str) -> UnknownFieldError:
    """The error that names the fields there are in these JSON objects."""
    known: set[str] = set()
    for text in pc.unique(texts.drop_null()).to_pylist():
        if len(known) > NAMED_FIELDS:
            break
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                known |= {key for key, value in found.items() if value is not None}
    names = [METADATA_FIELD + key for key in sorted(known)]
    more = ", ..." if len(names) > NAMED_FIELDS else ""
    there = f"use {', '.join(names[:NAMED_FIELDS])}{more}"
    if not names:
        there = "no image has metadata: give it with attribase -s STORE ingest update --metadata FILE"
    return UnknownFieldError(f"no image has a value of {name!r}", hint=there)


def _metadata_field(texts: pa.StringArray, name: str) -> pa.StringArray:
    """(texts,) a field of JSON objects as text; null where there is none."""
    import polars as pl  # imported late: `import attribase` stays light

    field = name.removeprefix(METADATA_FIELD)
    mark = "'" if '"' in field else '"'
    found = pl.Series(pl.from_arrow(texts)).str.json_path_match(f"$[{mark}{field}{mark}]")
    return found.to_arrow().cast(pa.string())
