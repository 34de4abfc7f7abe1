"""A gallery is streamed: five times the vectors do not take five times the memory."""

import subprocess
import sys

import pytest

DIM = 512
PARENT = """
import sys, torch
from pathlib import Path
folder, count, dim = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
(folder / "feats/clip").mkdir(parents=True)
paths = [f"dataset/laion_subset/{n:08d}.png" for n in range(count)]
torch.save({"feats": torch.randn(count, dim), "paths": paths}, folder / "feats/clip/laion_subset.pth")
"""
CHILD = """
import resource, sys
from attribase.ingest.release import ingest_release
for _ in ingest_release(sys.argv[1], sys.argv[2]): pass
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak if sys.platform == "darwin" else peak * 1024)
"""


def peak(folder, count: int) -> int:
    """Bytes that a process has at most while it imports a gallery of `count` images."""
    subprocess.run([sys.executable, "-c", PARENT, folder / "release", str(count), str(DIM)], check=True)
    command = [sys.executable, "-c", CHILD, folder / "store", folder / "release"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
def test_a_gallery_never_is_in_memory(tmp_path):
    few, many = 40_000, 200_000
    extra = peak(tmp_path / "many", many) - peak(tmp_path / "few", few)
    assert extra < 0.75 * (many - few) * DIM * 4
