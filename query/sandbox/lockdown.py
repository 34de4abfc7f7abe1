"""A DuckDB connection from which there is no way out, even for a statement that nobody checked.

The tables are Python objects that were registered before the locks, so reading them needs none of what is
locked: DuckDB itself never opens a file here. Verified on DuckDB 2.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .limits import Limits

if TYPE_CHECKING:
    import duckdb

LOCKS = (
    ("temp_directory", ""),  # no spilling: it would be a way to fill the disk, and to write at all
    ("max_temp_directory_size", "0KB"),
    ("python_enable_replacements", False),  # names are tables, never variables of this program
    ("autoinstall_known_extensions", False),
    ("autoload_known_extensions", False),
    ("allow_community_extensions", False),
    ("allow_persistent_secrets", False),
    ("enable_external_file_cache", False),
    ("enable_external_access", False),
    ("disabled_filesystems", "LocalFileSystem"),
    ("errors_as_json", True),  # only so do errors carry their place
)


BEGIN = "begin transaction read only"
"""What stands before each statement: in it nothing can be written, not even a table in memory."""


def lock(con: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Take the file system, the network, extensions and settings from `con`, for good."""
    con.execute(f"set memory_limit = '{limits.memory // 1000}KB'")
    con.execute(f"set threads = {limits.threads:d}")
    for name, value in LOCKS:
        con.execute(f"set {name} = {value}" if isinstance(value, bool) else f"set {name} = '{value}'")
    con.execute("set lock_configuration = true")
