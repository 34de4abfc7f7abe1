"""Every damaged file is an RGB image within the limit or a BadImageError, in bounded memory."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .conftest import LONG

SEEDS = range(4) if LONG else range(1)
FILES = 10_000 if LONG else 1500
MEMORY = 600 << 20  # of the process: 40 MB of pixels at most, their copies, and the libraries
SECONDS = 600  # for a decoder that never ends


@pytest.mark.parametrize("seed", SEEDS)
def test_every_damaged_file_is_an_image_within_the_limit_or_a_bad_image_error(seed):
    command = [sys.executable, Path(__file__).with_name("decoding.py"), FILES, seed]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"file {done.stderr.splitlines()[-1:]} ended the process"
    found = json.loads(done.stdout)
    assert found["failures"] == {}
    assert found["peak"] < MEMORY
    assert sum(found["outcomes"].values()) == FILES
    outcomes = Counter()
    for name, count in found["outcomes"].items():
        outcomes[name.split()[1]] += count
    assert outcomes["decoded"] > FILES / 10
    assert outcomes["truncated"] > FILES / 10
    print(f"{FILES} files, seed {seed}: {dict(outcomes)}; {found['peak'] >> 20} MiB")
