"""The package's SQL: the statement files in `queries/`, the published figures, and quoting for CREATE.

A file is one statement; its header says what it reads, its `$parameters`, what it returns and the source of
its method. Parameters are bound. Only CREATE and SET take none: for these names are quoted by `quote_name`,
and text by `store.lookup.quote`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyarrow as pa

from ...store.errors import NotFoundError

SQL_DIR = Path(__file__).parent / "queries"

PUBLISHED_CSV = Path(__file__).parents[1] / "data" / "published.csv"
"""source, encoder, mapper ('none': raw features), case_name, scheme, recall_5, recall_10, recall_100, map."""

VIEWS = (
    "latest_runs",
    "metrics",
    "metrics_sets",
    "per_sample",
    "per_concept",
    "per_prompt",
    "intervals",
    "differences",
    "encoder_differences",
    "significance",
    "label_metrics",
    "image_clusters",
    "clusters",
    "leakage",
    "map_items",
    "training_data",
    "training_summary",
    "removed_images",
)
"""The files that define views, in the order in which they build on each other."""


def load_sql(name: str) -> str:
    """The text of `queries/<name>.sql`. Raises NotFoundError that lists the statements there are."""
    known = statement_names()
    if name not in known:
        raise NotFoundError(f"there is no SQL statement {name!r}", hint=f"use one of {', '.join(known)}")
    return (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")


def statement_names() -> list[str]:
    """The names of all statements, views and macros, sorted."""
    return sorted(path.stem for path in SQL_DIR.glob("*.sql"))


def quote_name(name: str) -> str:
    """`name` as an SQL identifier, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def schema_name(name: str) -> str:
    """The name of a schema as a statement takes it: quoted where it is a word of SQL, such as `select`."""
    import duckdb  # imported late: `import attribase` stays light

    with duckdb.connect() as con:
        try:
            con.extract_statements(f"from {name}.metrics")
        except duckdb.ParserException:
            return quote_name(name)
    return name


@cache
def published() -> pa.Table:
    """Tables 3 and 4 of arXiv:2306.09345: a row each encoder, mapper, case and scheme.

    Metrics are in [0, 1], with three decimals as printed. Read once; all connections share the table.
    """
    from pyarrow import csv  # imported late: `import attribase` stays light

    return csv.read_csv(PUBLISHED_CSV)
