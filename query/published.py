"""The published figures to compare with: Tables 3 and 4 of arXiv:2306.09345, facts in a data file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyarrow as pa

FILE = Path(__file__).parent / "data" / "published.csv"
"""source, encoder, mapper ('none': raw features), case_name, scheme, recall_5, recall_10, recall_100, map."""


@cache
def published() -> pa.Table:
    """The figures, a row each encoder, mapper, case and scheme; metrics in [0, 1], as printed, 3 decimals."""
    from pyarrow import csv  # imported late, and read once: every connection shares the table

    return csv.read_csv(FILE)
