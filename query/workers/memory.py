"""Memory of processes: how much they have, how much they may have, and sizes as text."""

from __future__ import annotations

import re
from pathlib import Path

from ...store.errors import InvalidInputError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MB = 1 << 20
UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def parse_size(text: str) -> int:
    """Bytes of `1GB`, `512 MiB`. Raises InvalidInputError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)\s*", text.lower())
    if found is None or found[2] not in UNITS:
        raise InvalidInputError(f"{text!r} is not an amount of memory", hint="for example 1GB or 512MiB")
    return int(float(found[1]) * UNITS[found[2]])


def resident_bytes(process: int | str = "self") -> int | None:
    """Resident memory of a process in bytes; None where the system does not report it (not Linux)."""
    return _proc_status(process, "VmRSS")


def anonymous_bytes(process: int | str = "self") -> int | None:
    """Resident memory of a process in bytes, without the pages of files that it maps.

    The system takes those back when it needs them, and processes share them. None as `resident_bytes`.
    """
    anonymous = _proc_status(process, "RssAnon")
    return None if anonymous is None else anonymous + (_proc_status(process, "RssShmem") or 0)


def code_bytes(process: int | str = "self") -> int | None:
    """Resident pages of a process that are of programs and libraries, unchanged; None as `resident_bytes`.

    In bytes, of all files of which the process has mapped a part to be executed.
    """
    resident: dict[str, int] = {}
    executed, name = set(), ""
    try:
        for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
            if line.startswith(("Rss:", "Anonymous:")):
                sign = 1 if line.startswith("Rss:") else -1
                resident[name] = resident.get(name, 0) + sign * int(line.split()[1]) * 1024
            elif not line[:1].isupper():
                fields = line.split(maxsplit=5)
                name = fields[5] if len(fields) > 5 and fields[5].startswith("/") else ""
                if "x" in fields[1]:
                    executed.add(name)
    except (OSError, ValueError, IndexError):
        return None
    return sum(resident.get(one, 0) for one in executed - {""})


def private_bytes(process: int | str = "self") -> int | None:
    """Private writable memory of a process in bytes, touched or not; None where it is not reported."""
    return _proc_status(process, "VmData")


def limit_private_memory(more: int) -> None:
    """Let this process grow by `more` bytes of private memory and no further, where the system supports it.

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


def _proc_status(process: int | str, name: str) -> int | None:
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
