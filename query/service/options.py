"""Options of the service: who may use it, and how much of the machine requests may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from ...store.errors import InvalidInputError
from ..workers import MB

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["text", "json"]

HEAVY = "heavy"
"""The lane of requests that may take long: all workers but one answer these."""

SQL_LANE = "heavy/sql"
"""The lane of SQL, within that of heavy requests."""

MIN_TOKEN = 8
"""The fewest characters of a token."""


@dataclass(frozen=True)
class ServiceOptions:
    """Options and limits. The defaults suit a small machine and a few hundred clients.

    Attributes:
        token: what clients must send; without one, all who reach the port may send requests.
        sql: whether POST /v1/sql answers.
        refresh: seconds until new data is seen.
        hosts: Host headers that are accepted without a token, beside those of loopback.
        workers: processes that answer, each one request at a time.
        sql_workers: how many of them may run SQL at once; left out, all but one.
        sql_share: of the memory of a request, that DuckDB may take; the rest is for Arrow and the answer.
        memory: of all processes together, as `2GB`. Left out, 2 GB, or more where what the workers keep of
            the store leaves less than `least_memory` for each request.
        least_memory: bytes of memory that a request may take at the least.
        waiting: requests that may wait for a worker; one more gets 503.
        wait_seconds: that a request waits for a worker; then it gets 503.
        seconds: that a worker may take for a request.
        sql_seconds: that a statement may take.
        body_bytes: of one request.
        all_bodies_bytes: of all requests that have not ended.
        all_answers_bytes: of all answers that clients have not taken yet.
        head_seconds: until the headers of a request have arrived.
        body_seconds: until its body has arrived, from the headers on.
        send_seconds: until the client takes more of a response (a quarter of a megabyte).
        send_rate: bytes a second that a client must take of an answer after `send_seconds`.
        stop_seconds: that requests in flight get to end when the service is asked to stop.
        pixels: of one image; 25 million are about 75 MB decoded.
        images: named in one answer.
        candidates: images that a search by index, or for near-duplicates, may look at.
        queries: in one request.
        rows: of one SQL or table response.
        answer_bytes: of one answer.
        log_level: `debug`, `info`, `warning` or `error`: the least that is logged.
        log_format: `text`, or `json`: a JSON object a line.
        evidence_seconds: that a worker may take to make an evidence pack.
        evidence_key: the private key that signs packs at POST /v1/evidence; without one none is signed.
        evidence_certificate: of that key, for C2PA; left out, the file of the key's name with `.crt`.
        evidence_timestamp_url: the authority that stamps the signatures of packs.
    """

    token: str | None = field(default=None, repr=False)
    sql: bool = True
    refresh: float = 5.0
    hosts: tuple[str, ...] = ()
    workers: int = 2
    sql_workers: int | None = None
    sql_share: float = 0.6
    memory: str | None = None
    least_memory: int = 256 * MB
    waiting: int = 256
    wait_seconds: float = 30.0
    seconds: float = 20.0
    sql_seconds: float = 30.0
    body_bytes: int = 32 * MB
    all_bodies_bytes: int = 256 * MB
    all_answers_bytes: int = 512 * MB
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    send_seconds: float = 60.0
    send_rate: int = 64 << 10
    stop_seconds: float = 15.0
    pixels: int = 25_000_000
    images: int = 10_000
    candidates: int = 100_000
    queries: int = 1000
    rows: int = 100_000
    answer_bytes: int = 64 * MB
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    evidence_seconds: float = 60.0
    evidence_key: Path | None = None
    evidence_certificate: Path | None = None
    evidence_timestamp_url: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and not is_usable_token(self.token):
            raise InvalidInputError(
                "this is no usable token",
                hint=f"use {MIN_TOKEN} or more letters and digits, or None for no token",
            )
        if self.workers < 1:
            raise InvalidInputError("there must be a worker", hint="set workers to 1 or more")
        if self.sql_workers is not None and not 1 <= self.sql_workers <= self.workers:
            raise InvalidInputError(
                f"{self.sql_workers} of {self.workers} workers cannot run SQL",
                hint="set sql_workers to 1 or more, and to no more than workers",
            )
        if not 0.1 <= self.sql_share <= 0.9:
            raise InvalidInputError(f"sql_share is {self.sql_share:g}", hint="set it to 0.1 to 0.9")

    @property
    def heavy(self) -> int:
        """How many requests that may take long are answered at once, so that a worker is left for others."""
        return max(1, self.workers - 1)


def is_usable_token(token: str) -> bool:
    """Whether a token is long enough and consists of visible ASCII characters, as an HTTP header may hold."""
    return len(token) >= MIN_TOKEN and token.isascii() and token.isprintable() and " " not in token
