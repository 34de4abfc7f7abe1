"""How much memory a worker process has, and the bound it puts on itself."""

from __future__ import annotations

from pathlib import Path

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
