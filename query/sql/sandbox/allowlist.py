"""What an untrusted statement may contain: query nodes, table functions, functions and tables."""

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

# Not among them: `histogram` and `histogram_values`, macros that take the name of a table as text.
TABLE_FUNCTIONS = frozenset(
    {
        "attribute",
        "generate_series",
        "influence_by",
        "json_each",
        "json_tree",
        "range",
        "repeat",
        "repeat_row",
        "similar",
        "unnest",
    }
)

REFUSED_FUNCTIONS = frozenset(
    {
        # information about this process, its user and its machine
        "getenv",
        "current_setting",
        "getvariable",
        "inet_client_addr",
        "inet_client_port",
        "inet_server_addr",
        "inet_server_port",
        # state that outlives the statement
        "setseed",
        "setval",
        "nextval",
        "currval",
        "write_log",
        # waiting
        "sleep_ms",
        "pg_sleep",
        # states of aggregates, types and plans, read from bytes that DuckDB does not validate
        "combine",
        "finalize",
        "to_aggregate_state",
        "json_serialize_plan",
        "json_deserialize_sql",
        "cast_to_type",
        "create_sort_key",
        "index_key",
        "invoke",
        "make_type",
        "remap_struct",
        "replace_type",
        "stats",
        "variant_bytes_to_variant",
        # functions for the store's own views and macros
        "bootstrap_means",
        "bootstrap_differences",
        "attribute_rows",
        "similar_rows",
        "influence_rows",
    }
)
REFUSED_PREFIXES = ("__internal", "duckdb_", "pragma_", "read_", "parquet_", "sniff_")

INFORMATION = frozenset({"tables", "columns", "schemata"})
"""Views of `information_schema` that may be read; the others show how this connection was opened."""
INTERNAL_SCHEMAS = frozenset({"system", "temp", "pg_catalog"})
INTERNAL_PREFIXES = ("duckdb_", "pg_", "sqlite_", "pragma_")
