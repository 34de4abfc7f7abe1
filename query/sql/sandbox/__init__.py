"""Read-only SQL for strangers: one SELECT at a time, in worker processes that may be killed."""

from .limits import Limits
from .pool import SqlPool
from .process import SqlRows

__all__ = ["Limits", "SqlPool", "SqlRows"]
