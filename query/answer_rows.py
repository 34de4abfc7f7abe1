"""Answers as rows: one an image, or one an owner, each with what its answer says of itself."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from .answer import Answer

SCHEMA = pa.schema(
    [
        ("query", pa.string()),
        ("encoder", pa.string()),
        ("mapper", pa.string()),
        ("exact", pa.bool_()),
        ("complete", pa.bool_()),
        ("remaining", pa.float64()),
        ("unseen", pa.float64()),
        ("rank", pa.int64()),
        ("image_id", pa.string()),
        ("similarity", pa.float64()),
        ("influence", pa.float64()),
        ("uri", pa.string()),
        ("creator", pa.string()),
        ("license", pa.string()),
        ("category", pa.string()),
        ("caption", pa.string()),
        ("copies", pa.list_(pa.string())),
    ]
)
"""Columns up to `unseen` are the answer's, the same on each of its rows."""

OF_ANSWER = SCHEMA.names[: SCHEMA.get_field_index("rank")]


def flat_table(answers: Sequence[Answer]) -> pa.Table:
    """All results of all answers, in order."""
    rows = [
        {name: getattr(answer, name) for name in OF_ANSWER} | result.to_dict()
        for answer in answers
        for result in answer.results
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def shares_table(answers: Sequence[Answer], by: str) -> pa.Table:
    """All shares of all answers, in order; the owner's column is called what it is: `creator`, ..."""
    owner = [pa.field(by, pa.string()), pa.field("influence", pa.float64()), pa.field("images", pa.int64())]
    schema = pa.schema([*(SCHEMA.field(name) for name in OF_ANSWER), *owner])
    rows = [
        {name: getattr(answer, name) for name in OF_ANSWER}
        | {by: share.name, "influence": share.influence, "images": share.images}
        for answer in answers
        for share in answer.shares
    ]
    return pa.Table.from_pylist(rows, schema)
