"""Wall time of the commands that a person types, beside what they cannot do without, as ratios.

    python benchmarks/startup.py STORE [--picture FILE] [--rounds 7]

Each is a process of its own, started from a warm page cache; they take turns, and the fastest of the rounds
counts. `python` is an interpreter that does nothing, `lance` imports the storage engine (with numpy and
Arrow), `answering` imports also what encodes a picture. The ratios are of a command to the imports that it
cannot do without: 1 would be a command that costs nothing beside them.

Without `--picture` the picture is a stored sample's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attribase.store import Store
from rich.console import Console
from rich.table import Table

IMPORTS = {
    "python": "pass",
    "lance": "import lance",
    "answering": "import lance, onnxruntime, PIL.Image, safetensors.numpy",
}
"""What bare processes run."""

BESIDE = {"--help": "python", "info": "lance", "query attribute": "answering"}
"""The imports that each command cannot do without."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = given.picture or stored_picture(Store.open(given.store), Path(folder))
        command = [sys.executable, "-m", "attribase", "-s", given.store]
        jobs = {name: [sys.executable, "-c", code] for name, code in IMPORTS.items()}
        jobs |= {
            "--help": [*command, "--help"],
            "info": [*command, "info"],
            "query attribute": [*command, "query", "attribute", str(picture), "-k", "5"],
        }
        took = best_of(jobs, given.rounds)
    shown = Table(title=f"start-up, fastest of {given.rounds}")
    for name in ("process", "seconds", "beside", "ratio"):
        shown.add_column(name, justify="right")
    for name, seconds in took.items():
        beside = BESIDE.get(name, "")
        shown.add_row(name, f"{seconds:.2f}", beside, f"{seconds / took[beside]:.1f}" if beside else "")
    Console().print(shown)


def stored_picture(store: Store, folder: Path) -> Path:
    """The first stored sample that has bytes, as a file."""
    (row,) = (
        store.dataset("samples")
        .to_table(columns=["sample_id"], filter="bytes is not null", limit=1)
        .to_pylist()
    )
    ((_, data),) = store.locate_blobs("samples", "bytes", [row["sample_id"]]).read([row["sample_id"]])
    path = folder / "picture"
    path.write_bytes(data)
    return path


def best_of(jobs: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """Fewest seconds of each process, after one round that warms up; in every round each has its turn."""
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, command in jobs.items():
            clock = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            took[name] += [time.perf_counter() - clock] if number else []
    return {name: min(times) for name, times in took.items()}


if __name__ == "__main__":
    main()
