"""The rows that the table macro `usage_by_owner` returns."""

from __future__ import annotations

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..attribution.usage import owner_usage
from ..attribution.usage_result import SampleChoice
from ..session import Snapshot
from .macro_rows import Columns, Options

USAGE_FIELDS = pa.struct(
    {
        "name": pa.string(),
        "influence": pa.float64(),
        "low": pa.float64(),
        "high": pa.float64(),
        "samples_with": pa.int64(),
        "owned": pa.float64(),
        "samples": pa.int64(),
        "models": pa.int64(),
        "null_share": pa.float64(),
        "unclear": pa.int64(),
        "incomplete": pa.int64(),
        "failed": pa.int64(),
        "undated": pa.int64(),
    }
)
WHOLE = ("samples", "models", "null_share", "unclear", "incomplete", "failed", "undated")
"""Columns that are the same on each row."""


def usage_rows(snapshot: Snapshot, fields: list[str], options: Options) -> Columns:
    """The rows of USAGE_FIELDS for each field; options are (since, until, model, k, encoder, mapper).

    Raises as `owner_usage`.
    """
    since, until, model, k, encoder, mapper = options
    if k is not None and k < 1:
        raise InvalidInputError(f"k is {k}", hint="ask for 1 owner or more, or for all: leave k out")
    choice = SampleChoice(model, since, until)
    lengths: list[int] = []
    columns: dict[str, list[object]] = {field.name: [] for field in USAGE_FIELDS}
    for by in fields:
        usage = owner_usage(snapshot, by, choice, encoder=encoder, mapper=mapper, k=k)
        lengths.append(len(usage.owners))
        for name in ("name", "influence", "low", "high", "owned"):
            columns[name] += [getattr(owner, name) for owner in usage.owners]
        columns["samples_with"] += [owner.samples for owner in usage.owners]
        for name in WHOLE:
            columns[name] += [getattr(usage, name)] * len(usage.owners)
    return lengths, columns
