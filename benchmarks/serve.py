"""Latency that HTTP adds to an answer, and latency, throughput and memory with 64 clients at once.

    python benchmarks/serve.py STORE [--seconds 60] [--clients 64] [--questions 400] [--mapper NAME]

`in process` is `answer_all` of one stored sample after another. `http` is `POST /v1/attribute` of the same
samples on one kept connection to `attribase query serve` in a process of its own. The two take turns, so that
other load of the machine slows both; the difference of their medians is what HTTP adds. Then the clients,
each with its own connection, send one question after another for `--seconds`. Every response that is not 200
counts as an error, and the server's resident memory is read every second.

Clients and server share the machine's cores: the requests a second are what both reach together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from attribase.query import Request, Session, answer_all
from attribase.store import Store
from rich.console import Console
from rich.table import Table

START_SECONDS = 120.0
COMMAND = "from attribase.cli import main; main()"


@contextmanager
def running_service(store: str, port: int) -> Iterator[tuple[str, int]]:
    """Start the service in a process of its own; yields its address and process id."""
    arguments = ["-s", store, "query", "serve", "--port", str(port)]
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                if httpx.get(f"{address}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the service on port {port} did not start")
            time.sleep(0.2)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(30)


def question_body(sample: str, mapper: str | None) -> dict[str, object]:
    """The body of one request."""
    return {"sample": sample, "k": 10} | ({"mapper": mapper} if mapper else {})


def measure_in_turns(
    store: Store, address: str, samples: list[str], mapper: str | None
) -> dict[str, list[float]]:
    """Seconds of each question, in process and over HTTP, which take turns."""
    session, request = Session(store), Request(mapper=mapper, k=10, files=False)
    found: dict[str, list[float]] = {"in process": [], "http": []}
    with httpx.Client(base_url=address) as client:
        for number, sample in enumerate([*samples[:20], *samples]):
            began = time.perf_counter()
            answer_all(session.snapshot(), [sample], request)
            between = time.perf_counter()
            client.post("/v1/attribute", json=question_body(sample, mapper)).raise_for_status()
            ended = time.perf_counter()
            if number >= 20:  # the first ones warm up
                found["in process"].append(between - began)
                found["http"].append(ended - between)
    return found


@dataclass
class LoadResult:
    """Latencies and errors of all clients, and the memory of the server meanwhile."""

    seconds: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    megabytes: list[float] = field(default_factory=list)

    def count_error(self, error: str) -> None:
        """Count an error."""
        self.errors[error] = self.errors.get(error, 0) + 1


async def send_questions(
    result: LoadResult, address: str, samples: list[str], mapper: str | None, until: float
) -> None:
    """One client: send one question after another."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        number = 0
        while time.monotonic() < until:
            body, began = question_body(samples[number % len(samples)], mapper), time.perf_counter()
            number += 1
            try:
                answer = await client.post("/v1/attribute", json=body)
            except httpx.TransportError as error:
                result.count_error(type(error).__name__)
                continue
            result.seconds.append(time.perf_counter() - began)
            if answer.status_code != 200:
                result.count_error(f"{answer.status_code} {answer.text[:100]}")


async def watch_memory(result: LoadResult, process: int, until: float) -> None:
    """Record the server's resident memory every second."""
    while time.monotonic() < until:
        result.megabytes.append(resident_megabytes(process))
        await asyncio.sleep(1)


def resident_megabytes(process: int) -> float:
    """The resident memory of a process and its workers in MB; pages that they share count in each."""
    total = 0.0
    workers = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    for one in (process, *(worker for some in workers for worker in some)):
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:  # a worker that has just ended
            continue
        total += sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
    return total


async def run_clients(clients: int, seconds: float, address: str, process: int, samples: list[str], mapper):
    """Run `clients` at once."""
    result, until = LoadResult(), time.monotonic() + seconds
    sending = [
        send_questions(result, address, samples[at:] + samples[:at], mapper, until) for at in range(clients)
    ]
    await asyncio.gather(watch_memory(result, process, until), *sending)
    return result


def milliseconds(values: list[float], share: float) -> float:
    """The quantile of `values` (seconds) at `share`, in milliseconds."""
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--mapper")
    parser.add_argument("--port", type=int, default=8799)
    given = parser.parse_args()
    store = Store.open(given.store)
    samples = sorted(store.read("samples", ["sample_id"])["sample_id"].to_pylist())[: given.questions]
    with running_service(given.store, given.port) as (address, process):
        found = measure_in_turns(store, address, samples, given.mapper)
        result = asyncio.run(
            run_clients(given.clients, given.seconds, address, process, samples, given.mapper)
        )
    table = Table(title=f"one stored sample, k = 10, {len(samples)} questions, ms")
    for name in ("", "median", "p90", "p99"):
        table.add_column(name, justify="right")
    for name, values in found.items():
        table.add_row(name, *(f"{milliseconds(values, share):.1f}" for share in (0.5, 0.9, 0.99)))
    console = Console()
    console.print(table)
    added = 1000 * (statistics.median(found["http"]) - statistics.median(found["in process"]))
    console.print(f"HTTP adds {added:.1f} ms at the median")
    quarter = max(1, len(result.megabytes) // 4)
    console.print(
        f"{given.clients} clients, {given.seconds:.0f} s: {len(result.seconds)} answers "
        f"({len(result.seconds) / given.seconds:.0f}/s), errors {json.dumps(result.errors)}, "
        f"median {milliseconds(result.seconds, 0.5):.0f} ms, "
        f"p99 {milliseconds(result.seconds, 0.99):.0f} ms; "
        f"server memory {statistics.median(result.megabytes[:quarter]):.0f} MB in the first quarter, "
        f"{statistics.median(result.megabytes[-quarter:]):.0f} MB in the last, "
        f"{max(result.megabytes):.0f} MB at most"
    )


if __name__ == "__main__":
    main()
