"""Answers as files of rows: one row an image, or one an owner, and one for a question without an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from ..sql.formats import write_rows
from ..sql.runner import Rows
from .answer import Answer, FailedQuestion, flat_table, shares_table


def write_answers(
    answers: Sequence[Answer | FailedQuestion],
    fmt: str,
    out: BinaryIO,
    *,
    by: str | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write answers as rows, or as whole answers in JSON and JSON lines.

    Args:
        answers: to all questions, in order.
        fmt: as for `write_rows`. `json` is one object, or a list for several answers.
        out: where to.
        by: rows are owners, by this field; else images.
        about: what documents say of the rows.

    Raises:
        InvalidInputError: as `write_rows`.
    """
    if fmt == "json":
        plain = [answer.to_dict() for answer in answers]
        text = json.dumps(plain[0] if len(plain) == 1 else plain, sort_keys=True)
        out.write(text.encode() + b"\n")
    elif fmt == "jsonl":
        for answer in answers:
            out.write(json.dumps(answer.to_dict(), sort_keys=True).encode() + b"\n")
    else:
        table = shares_table(answers, by) if by else flat_table(answers)
        rows = Rows(table.schema, iter(table.to_batches()))
        write_rows(rows, fmt, out, max(1, table.num_rows), about=about)
