"""Conditions on rows: text of a user or client, parsed to a bounded tree of our own, evaluated by DuckDB.

No engine parses what a client wrote. `tokens` and `parser` read it within bounds of length, depth and parts;
`language` lists the operators, functions and types there are; `duckdb_sql` writes the tree out again;
`evaluate` runs that on batches of rows, within a time and memory limit.
"""

from .condition import Condition, parse_condition
from .evaluate import matching_rows

__all__ = ["Condition", "matching_rows", "parse_condition"]
