"""What a service is started with: who may ask, and how much of the machine one request may take."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...runtime.devices import core_count

MB = 1 << 20


@dataclass(frozen=True)
class ServiceOptions:
    """Every limit of the service. The defaults suit a small machine and a few hundred clients."""

    token: str | None = field(default=None, repr=False)  # None: whoever reaches the port may ask
    sql: bool = True
    refresh: float = 5.0  # seconds until new data is seen
    hosts: tuple[str, ...] = ()  # Host names that are answered without a token, beside loopback's
    threads: int = max(2, min(16, core_count()))
    waiting: int = 256  # requests that may wait for a thread; beyond, 503
    body_bytes: int = 32 * MB  # of one request
    all_bodies_bytes: int = 256 * MB  # of all requests in flight
    all_answers_bytes: int = 256 * MB  # of large answers on their way
    body_seconds: float = 30.0  # for a request to arrive, once its headers have
    head_seconds: float = 10.0  # for the headers to arrive
    send_seconds: float = 60.0  # for a client to take a quarter of a megabyte of its answer
    stop_seconds: float = 15.0  # for requests in flight when the service is asked to stop
    pixels: int = 25_000_000  # of one image; about 75 MB decoded
    images: int = 10_000  # named in one answer
    candidates: int = 100_000  # that a search by index, or for copies, may look at
    queries: int = 1000  # in one request
    rows: int = 100_000  # of one SQL or table answer
    answer_bytes: int = 64 * MB  # of one table answer
    sql_workers: int = 2
    sql_seconds: float = 30.0
    sql_memory: str = "1GB"
