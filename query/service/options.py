"""Options of the service: who may use it, and how much of the machine requests may take."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...runtime.devices import core_count

MB = 1 << 20


@dataclass(frozen=True)
class ServiceOptions:
    """Options and limits. The defaults suit a small machine and a few hundred clients.

    Attributes:
        token: what clients must send; without one, all who reach the port may send requests.
        sql: whether POST /v1/sql answers.
        refresh: seconds until new data is seen.
        hosts: Host headers that are accepted without a token, beside those of loopback.
        threads: that answer requests, and as many that read files.
        waiting: requests that may wait for a thread; one more gets 503.
        body_bytes: of one request.
        all_bodies_bytes: of all requests in flight.
        all_answers_bytes: of all large responses that clients have not taken yet.
        head_seconds: until the headers of a request have arrived.
        body_seconds: until its body has arrived, from the headers on.
        send_seconds: until the client takes more of a response (a quarter of a megabyte).
        stop_seconds: that requests in flight get to end when the service is asked to stop.
        pixels: of one image; 25 million are about 75 MB decoded.
        images: named in one answer.
        candidates: images that a search by index, or for near-duplicates, may look at.
        queries: in one request.
        rows: of one SQL or table response.
        answer_bytes: of one table response.
        sql_workers: processes that run SQL, each one statement at a time.
        sql_seconds: that a statement may take.
        sql_memory: that a statement may take.
    """

    token: str | None = field(default=None, repr=False)
    sql: bool = True
    refresh: float = 5.0
    hosts: tuple[str, ...] = ()
    threads: int = max(2, min(16, core_count()))
    waiting: int = 256
    body_bytes: int = 32 * MB
    all_bodies_bytes: int = 256 * MB
    all_answers_bytes: int = 256 * MB
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    send_seconds: float = 60.0
    stop_seconds: float = 15.0
    pixels: int = 25_000_000
    images: int = 10_000
    candidates: int = 100_000
    queries: int = 1000
    rows: int = 100_000
    answer_bytes: int = 64 * MB
    sql_workers: int = 2
    sql_seconds: float = 30.0
    sql_memory: str = "1GB"
