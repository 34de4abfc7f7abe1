"""The SQL files beside this module: one statement each, with a header that says what it reads and returns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyarrow as pa

from ...store.errors import NotFoundError

SQL_DIR = Path(__file__).parent / "queries"

VIEWS = (
    "latest_runs",
    "metrics",
    "per_sample",
    "per_concept",
    "per_prompt",
    "intervals",
    "differences",
)
"""The files that define views, in the order in which they build on each other."""


def load_sql(name: str) -> str:
    """The text of `sql/<name>.sql`. Raises NotFoundError that lists the statements there are."""
    known = statement_names()
    if name not in known:
        raise NotFoundError(f"there is no SQL statement {name!r}", hint=f"use one of {', '.join(known)}")
    return (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")


def statement_names() -> list[str]:
    """Every statement and view there is, sorted."""
    return sorted(path.stem for path in SQL_DIR.glob("*.sql"))


FILE = Path(__file__).parents[1] / "data" / "published.csv"
"""source, encoder, mapper ('none': raw features), case_name, scheme, recall_5, recall_10, recall_100, map."""


@cache
def published() -> pa.Table:
    """The figures, a row each encoder, mapper, case and scheme; metrics in [0, 1], as printed, 3 decimals."""
    from pyarrow import csv  # imported late, and read once: every connection shares the table

    return csv.read_csv(FILE)
