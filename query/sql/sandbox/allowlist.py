"""What an untrusted statement may contain: query nodes and tables. Functions are in `functions`."""

NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Query nodes that only read. In DuckDB 2 a `with` may also hold INSERT, UPDATE, DELETE and COPY."""

REFERENCES = frozenset(
    {
        "BASE_TABLE",
        "SUBQUERY",
        "JOIN",
        "TABLE_FUNCTION",
        "EXPRESSION_LIST",
        "CTE",
        "EMPTY",
        "EMPTY_FROM",
        "PIVOT",
        "SHOW_REF",
        "COLUMN_DATA",
    }
)

PARTS = frozenset(
    {
        "ORDER_MODIFIER",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER",
        "ASCENDING",
        "DESCENDING",
        "ORDER_DEFAULT",
    }
)
"""Other parts of a parsed query that have a type and are not expressions."""

INFORMATION = frozenset({"tables", "columns", "schemata"})
"""Views of `information_schema` that may be read; the others show how this connection was opened."""
INTERNAL_SCHEMAS = frozenset({"system", "temp", "pg_catalog"})
INTERNAL_PREFIXES = ("duckdb_", "pg_", "sqlite_", "pragma_")
