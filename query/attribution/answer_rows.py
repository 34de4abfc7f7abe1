"""Answers as files of rows: one row an image, or one an owner, and one for a question without an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, BinaryIO

import pyarrow as pa

from ..sql.formats import DOCUMENTS, write_rows
from ..sql.runner import Rows
from .answer import Answer, FailedQuestion
from .answer_tables import flat_table, shares_table
from .provenance import SOURCE_COLUMNS, about_questions

NO_OWNERS: Mapping[str, Sequence[Answer | FailedQuestion]] = MappingProxyType({})


def write_answers(
    answers: Sequence[Answer | FailedQuestion],
    fmt: str,
    out: BinaryIO,
    *,
    owners: Mapping[str, Sequence[Answer | FailedQuestion]] = NO_OWNERS,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write answers as rows, or as whole answers in JSON and JSON lines.

    Args:
        answers: to all questions, in order.
        fmt: as for `write_rows`. `json` is one object, or a list for several answers.
        out: where to.
        owners: rows are owners, by these fields, with the answers that have their shares; else images. Of
            several fields each row has the columns `field` and `owner`.
        about: what documents say of the rows, before where the answers come from.

    Raises:
        InvalidInputError: as `write_rows`.
    """
    plain = [_plain(at, answer, owners) for at, answer in enumerate(answers)] if "json" in fmt else []
    if fmt == "json":
        text = json.dumps(plain[0] if len(plain) == 1 else plain, sort_keys=True)
        out.write(text.encode() + b"\n")
    elif fmt == "jsonl":
        for one in plain:
            out.write(json.dumps(one, sort_keys=True).encode() + b"\n")
    else:
        table = _owner_rows(owners) if owners else flat_table(answers)
        if fmt in DOCUMENTS:
            sources = [one.provenance for one in answers if isinstance(one, Answer) and one.provenance]
            table, about = (
                table.drop_columns(list(SOURCE_COLUMNS)),
                {**(about or {}), **about_questions(sources)},
            )
        rows = Rows(table.schema, iter(table.to_batches()))
        write_rows(rows, fmt, out, max(1, table.num_rows), about=about)


def _plain(
    at: int, answer: Answer | FailedQuestion, owners: Mapping[str, Sequence[Answer | FailedQuestion]]
) -> dict[str, Any]:
    """The answer as JSON has it, with `shares_by` where there are several fields."""
    plain = answer.to_dict()
    if len(owners) > 1 and isinstance(answer, Answer):
        plain["shares_by"] = {field: others[at].to_dict()["shares"] for field, others in owners.items()}
    return plain


def _owner_rows(owners: Mapping[str, Sequence[Answer | FailedQuestion]]) -> pa.Table:
    """The shares of all fields, field by field; of one field as `shares_table` has them."""
    tables = [shares_table(answers, field) for field, answers in owners.items()]
    if len(tables) == 1:
        return tables[0]
    parts = []
    for field, table in zip(owners, tables, strict=True):
        at = table.schema.get_field_index(field)
        named = table.rename_columns([*table.column_names[:at], "owner", *table.column_names[at + 1 :]])
        parts.append(named.add_column(at, "field", pa.array([field] * table.num_rows, pa.string())))
    return pa.concat_tables(parts).replace_schema_metadata(tables[0].schema.metadata)
