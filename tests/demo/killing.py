"""Run a demo, kill it, run it again; compare its tables with an undisturbed run's.

As a script, for a demo of any size, killed at random moments:

    python tests/demo/killing.py --kills 10 --models 168 --samples 8 UNDISTURBED KILLED
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from attribase.store import NotFoundError, Store

KEYS = {
    "images": "image_id",
    "members": "collection, image_id",
    "models": "model_id",
    "samples": "sample_id",
    "vectors_efficientnet_lite0": "item_id",
    "vectors_efficientnet_lite0_thumbnail_colour_histogram_sd_unet_world": "item_id",
    "views_efficientnet_lite0": "item_id, view",
    "mappers": "mapper_id",
    "calibrations": "calibration_id",
    "abstentions": "abstention_id",
    "evidence": "evidence_id",
    "gallery_moments": "moments_id",
    "ranks": "run_id, sample_id, image_id",
    "runs": "run_id",
}
TIMEOUT = 3600


def command(folder, models, samples, before="", more=()):
    """The command line of a demo, with more words; `before` is Python that runs first."""
    code = f"{before}\nfrom attribase.cli import main; main()"
    return [
        sys.executable,
        "-c",
        code,
        "demo",
        str(folder),
        "--models",
        str(models),
        "--samples",
        str(samples),
        *more,
    ]


def finish(folder, models, samples, before="", more=()):
    """Run the demo to its end; its completed process, with its output."""
    line = command(folder, models, samples, before, more)
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    return done


def start(folder, models, samples):
    """The demo as the leader of a process group of its own."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(folder, models, samples), start_new_session=True, **silent)


def kill(process):
    """Kill a demo and all its workers. Whether it was still running."""
    running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL) if running else None
    process.wait()
    return running


def kill_after(seconds, folder, models, samples):
    """Start the demo and kill it after so long. Whether it was still running."""
    process = start(folder, models, samples)
    time.sleep(seconds)
    return kill(process)


def committed(folder, table):
    """How many rows a demo's table has; 0 when there is no table yet."""
    try:
        return Store.open(Path(folder) / "store").count(table)
    except NotFoundError:
        return 0


def keys(folder):
    """The sorted keys of every table that a demo fills; a key that is there twice is there twice."""
    store = Store.open(Path(folder) / "store")
    found = {}
    for table, key in KEYS.items():
        names = key.split(", ")
        rows = store.read(table, names).to_pylist()
        found[table] = sorted(tuple(row[name] for name in names) for row in rows)
    return found


def differences(one, other):
    """Table -> (rows of one, rows of the other, keys in only one of them), where they differ."""
    first, second = keys(one), keys(other)
    return {
        table: (len(first[table]), len(second[table]), len(set(first[table]) ^ set(second[table])))
        for table in KEYS
        if first[table] != second[table]
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("undisturbed", type=Path)
    parser.add_argument("killed", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--longest", type=float, default=60, help="seconds before a kill, at most")
    given = parser.parse_args()
    finish(given.undisturbed, given.models, given.samples)
    moments = random.Random(0)
    for number in range(given.kills):
        seconds = moments.uniform(3, given.longest)
        running = kill_after(seconds, given.killed, given.models, given.samples)
        print(f"kill {number + 1} after {seconds:.1f} s: {'running' if running else 'had ended'}", flush=True)
    finish(given.killed, given.models, given.samples)
    print("differences:", differences(given.undisturbed, given.killed) or "none")


if __name__ == "__main__":
    main()
