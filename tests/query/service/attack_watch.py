"""The process that watches an attacked service: whether it answers, and the memory of all its processes."""

from __future__ import annotations

import http.client
import json
import os
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from .attack_load import Outcome


class Watcher:
    """A process that asks for /healthz and adds up the memory of the server's processes."""

    def __init__(self, port: int, pid: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=watch, args=(theirs, port, pid), daemon=True)
        self.process.start()
        self.pipe.recv()

    def stop(self, outcome: Outcome) -> None:
        """Copy what was measured to `outcome`."""
        self.pipe.send("stop")
        seconds, failures, peak, resident = self.pipe.recv()
        self.process.join()
        outcome.health_seconds, outcome.health_failures = seconds, failures
        outcome.peak_bytes, outcome.peak_resident = peak, resident


def watch(pipe: Connection, port: int, pid: int) -> None:
    """Measure every 0.1 s, until a message comes."""
    seconds: list[float] = []
    failures: list[str] = []
    peak = resident = 0
    pipe.send("watching")
    while not pipe.poll(0.1):
        began = time.monotonic()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/healthz", headers={"connection": "close"})
            response = connection.getresponse()
            if response.status != 200 or json.loads(response.read()) != {"status": "ok"}:
                failures.append(str(response.status))
            connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{type(error).__name__}: {error}")
        seconds.append(time.monotonic() - began)
        family = process_family(pid)
        peak = max(peak, sum(map(proportional_bytes, family)))
        resident = max(resident, sum(map(resident_bytes, family)))
    pipe.send((seconds, failures, peak, resident))


def process_family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def proportional_bytes(pid: int) -> int:
    """Resident memory of a process, of shared pages its share."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, shared pages included."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
