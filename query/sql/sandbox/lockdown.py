"""A DuckDB connection from which there is no way out, even for a statement that nobody checked.

The tables are Python objects that were registered before the locks, so reading them needs none of what is
locked: DuckDB itself never opens a file here. Verified on DuckDB 2.0.
"""

from __future__ import annotations

from pathlib import Path
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


try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

OVERHEAD = 2**29
"""Bytes beside DuckDB's own limit: Arrow batches on their way, Lance's readers, stacks of threads."""


def resident_bytes(process: int | str = "self") -> int | None:
    """Resident memory of a process in bytes; None where the system does not tell (not Linux)."""
    return _status(process, "VmRSS")


def private_bytes(process: int | str = "self") -> int | None:
    """Private writable memory of a process in bytes, touched or not; None where nobody tells."""
    return _status(process, "VmData")


def bound_private(more: int) -> None:
    """Let this process grow by `more` bytes of private memory and no further, where the system can.

    RLIMIT_DATA counts private writable memory only (Linux 4.7), so address space that libraries reserve
    and never touch costs nothing, which RLIMIT_AS would count.
    """
    now = private_bytes()
    if resource is None or now is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + more
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, wanted))


def _status(process: int | str, name: str) -> int | None:
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
