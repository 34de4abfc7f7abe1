"""Commands of the command line as processes: started at once, watched and killed."""

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
SECONDS = 900
"""After so long a command hangs."""
POLL = 0.001
Patches = Sequence[tuple[str, str, object]]


@dataclass
class Ended:
    """How a command ended: its exit status (-9: killed) and what it printed."""

    status: int
    output: str

    @property
    def explained(self) -> bool:
        """Whether it was done, or ended with one line of error and what to do next."""
        if "Traceback" in self.output:
            return False
        lines = self.output.splitlines()
        errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return self.status == 0 or (self.status == 1 and len(errors) == 1 and errors[0] + 1 < len(lines))

    @property
    def error(self) -> str:
        """Its line of error, or nothing."""
        return next((line for line in self.output.splitlines() if line.startswith("error: ")), "")


@dataclass
class Launcher:
    """The process that starts commands (launcher.py). `prefix` is a command that runs it, e.g. unshare."""

    prefix: tuple[str, ...] = ()
    ended: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [*self.prefix, sys.executable, str(LAUNCHER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        self._unread = b""
        assert self._line() == "ready"

    def start(
        self,
        argv: Sequence[object],
        folder: Path,
        patches: Patches = (),
        clock: int | None = None,
        logs: Path | None = None,
        file_bytes: int | None = None,
    ) -> "Command":
        """Start `attribase ARGV` in a folder, or in another one a file of which gets its output.

        With `clock` the time jumps, with `file_bytes` no file that it writes can be larger.
        """
        log = (logs or folder) / f"log-{random.getrandbits(64):x}.txt"
        request = {
            "argv": [str(word) for word in argv],
            "cwd": str(folder),
            "log": str(log),
            "patches": list(patches),
            "clock": clock,
            "file_bytes": file_bytes,
        }
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        while not (line := self._line()).startswith("started "):
            self._note(line)
        return Command(self, int(line.split()[1]), log)

    def run(self, argv: Sequence[object], folder: Path, **options: object) -> Ended:
        """Run a command to its end."""
        return self.start(argv, folder, **options).wait()

    def look(self, seconds: float) -> None:
        """Note which commands have ended, waiting so long for one that does."""
        while self._buffered() or select.select([self.process.stdout], [], [], seconds)[0]:
            self._note(self._line())
            seconds = 0

    def close(self) -> None:
        """End the launcher."""
        self.process.kill()
        self.process.communicate()

    def _buffered(self) -> bool:
        return b"\n" in self._unread

    def _line(self) -> str:
        while b"\n" not in self._unread:
            read = os.read(self.process.stdout.fileno(), 1 << 16)
            assert read, "the launcher ended"
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def _note(self, line: str) -> None:
        word, pid, status = line.split()
        assert word == "ended", line
        self.ended[int(pid)] = int(status)


@dataclass
class Command:
    """A running command, leader of a process group."""

    launcher: Launcher
    pid: int
    log: Path

    @property
    def running(self) -> bool:
        return self.pid not in self.launcher.ended

    def wait(self, until: Callable[[], bool] = lambda: False, poll: float = 1.0) -> Ended | None:
        """Wait for its end; or, with None as the answer, until something is the case."""
        last = time.monotonic() + SECONDS
        while self.running:
            if until():
                return None
            self.launcher.look(poll)
            if time.monotonic() > last:
                self.kill()
                raise AssertionError(f"no end within {SECONDS} s: {self.log.read_text()}")
        return Ended(self.launcher.ended.pop(self.pid), self.log.read_text(errors="replace"))

    def kill(self) -> None:
        """Kill it and its workers."""
        with contextlib.suppress(ProcessLookupError):  # it ended
            os.killpg(self.pid, signal.SIGKILL)


class Files:
    """Counts the files that ever appeared below a folder: the events at which a command is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.seen = self._all()
        self.before = len(self.seen)

    def new(self) -> int:
        """How many appeared since this was made."""
        self.seen |= self._all()
        return len(self.seen) - self.before

    def _all(self) -> set[str]:
        found, folders = set(), [self.folder]
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except OSError:  # it has just been removed
                continue
            for entry in entries:
                (folders.append if entry.is_dir(follow_symlinks=False) else found.add)(entry.path)
        return found
