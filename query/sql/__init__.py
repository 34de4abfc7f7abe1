"""SQL over a store: the DuckDB connection, its views and macros, statements and result formats."""
