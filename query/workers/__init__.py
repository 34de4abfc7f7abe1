"""Worker processes that answer what clients sized: bounded in memory and time, killed and replaced.

One mechanism for the HTTP service and for untrusted SQL. A worker opens a handler and answers one request at
a time (serving.py); the parent starts it, sends requests, reads the answers, and kills it when it exceeds its
limits (process.py); a pool has some of them and a queue (pool.py). Nothing that a worker sends is unpickled.
"""

from .memory import MB, parse_size
from .pool import WorkerPool
from .request import Answer, Collected, WorkerRequest
from .serving import Handler, Output, serve

__all__ = [
    "MB",
    "Answer",
    "Collected",
    "Handler",
    "Output",
    "WorkerPool",
    "WorkerRequest",
    "parse_size",
    "serve",
]
