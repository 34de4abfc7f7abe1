"""Answers as tables: a row for each image, or for each owner, and one for a question without an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pyarrow as pa

from .provenance import SOURCE_COLUMNS, source_metadata, source_values

SCHEMA = pa.schema(
    [
        ("query", pa.string()),
        ("encoder", pa.string()),
        ("mapper", pa.string()),
        ("exact", pa.bool_()),
        ("complete", pa.bool_()),
        ("remaining", pa.float64()),
        ("null_share", pa.float64()),
        ("unseen", pa.float64()),
        ("pool_size", pa.int64()),
        ("embedded", pa.int64()),
        ("searched", pa.int64()),
        ("alpha", pa.float64()),
        ("kind", pa.string()),
        ("p_none", pa.float64()),
        ("attributed", pa.bool_()),
        ("set_size", pa.int64()),
        ("evidence", pa.string()),
        ("state", pa.string()),
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
        ("in_set", pa.bool_()),
        ("error", pa.string()),
        *((name, pa.string()) for name in SOURCE_COLUMNS),
    ]
)
"""One row a result, and one for a failed question, with its `query` and `error` alone.

Columns before `rank` are the answer's, the same on each of its rows, and so are those after `error`."""

ANSWER_COLUMNS = SCHEMA.names[: SCHEMA.get_field_index("rank")]


OWNER_COLUMNS = (
    pa.field("influence", pa.float64()),
    pa.field("images", pa.int64()),
    pa.field("owned", pa.float64()),
    pa.field("similarity", pa.float64()),
    pa.field("image_id", pa.string()),
)
"""The columns of an owner after its name."""


class PlainAnswer(Protocol):
    """An answer, or a question without one, that can be written as plain values."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; with `error` for a question without an answer."""


def flat_table(answers: Sequence[PlainAnswer]) -> pa.Table:
    """All results of all answers, in order; metadata of the schema says where they come from."""
    return _table(answers, lambda answer: list(answer["results"]), SCHEMA)


def shares_table(answers: Sequence[PlainAnswer], by: str) -> pa.Table:
    """All shares of all answers, as `flat_table`; the owner's column is named `by`: `creator`, ..."""
    columns = [
        *(SCHEMA.field(name) for name in ANSWER_COLUMNS),
        pa.field(by, pa.string()),
        *OWNER_COLUMNS,
        *list(SCHEMA)[SCHEMA.get_field_index("error") :],
    ]

    def parts(answer: dict[str, Any]) -> list[dict[str, Any]]:
        return [{by: one["name"], **one} for one in answer["shares"]]

    return _table(answers, parts, pa.schema(columns))


def _table(
    answers: Sequence[PlainAnswer], parts: Callable[[dict[str, Any]], list[dict[str, Any]]], schema: pa.Schema
) -> pa.Table:
    """A row for each part of an answer, beside the answer's own columns; one row for a failed question."""
    rows: list[dict[str, Any]] = []
    sources: list[dict[str, Any]] = []
    for answer in answers:
        plain = answer.to_dict()
        if "error" in plain:
            rows.append({"query": plain["query"], "error": plain["error"]["message"]})
        else:
            shared = {name: plain[name] for name in ANSWER_COLUMNS}
            shared["evidence"] = plain["evidence"]["line"] if plain["evidence"] else None
            if plain["provenance"]:
                sources.append(plain["provenance"])
                shared |= source_values(plain["provenance"])
            rows += [shared | part for part in parts(plain)]
    return pa.Table.from_pylist(rows, schema).replace_schema_metadata(source_metadata(sources))
