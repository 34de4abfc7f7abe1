"""Untrusted SQL: one read-only SELECT at a time, in worker processes that are killed when they exceed limits.

Three defences stand behind each other: the statement is validated as DuckDB parsed it (statement.py,
allowlist.py), its connection is locked and its transaction read-only (lockdown.py), and its process has
bounded memory and may be killed (../../workers/).
"""

from .execution import LimitedRows, Sandbox
from .limits import SandboxLimits
from .pool import SqlPool, SqlRows

__all__ = ["LimitedRows", "Sandbox", "SandboxLimits", "SqlPool", "SqlRows"]
