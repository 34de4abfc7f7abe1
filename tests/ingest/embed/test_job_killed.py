"""Killed at any moment and started again: no vector twice, none missing."""

import os
import random
import signal
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from attribase.ingest.embed import embed
from attribase.store import Store

if __name__ == "__main__":
    for step in embed(Store.open(sys.argv[1]), "mean", batch=4, workers=int(sys.argv[2]), shard_size=8):
        print(step.done, flush=True)
"""


def start(gallery, tmp_path, workers):
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), gallery.store.uri, str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_killed_at_random_moments_nothing_is_missing_and_nothing_is_there_twice(gallery, tmp_path, workers):
    ids = gallery.images([gallery.png(seed) for seed in range(150)])
    ids += gallery.samples([gallery.png(seed) for seed in range(150, 200)])
    broken = gallery.images([gallery.png(seed)[:-60] for seed in range(200, 204)])
    moments, running = random.Random(workers), 0
    for _ in range(3):
        job = start(gallery, tmp_path, workers)
        for _ in range(1 + moments.randrange(6)):  # 26 shards: three times 5 do not finish them
            job.stdout.readline()
        running += job.poll() is None
        os.kill(job.pid, signal.SIGKILL)
        job.communicate()
    gallery.images([gallery.png(999)])  # comes meanwhile
    assert running
    last = start(gallery, tmp_path, workers)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert gallery.embedded() == sorted([*ids, *gallery.images([gallery.png(999)])])
    assert gallery.failures() == dict.fromkeys(broken, "truncated")
    assert gallery.embed()[-1].total == 0
    assert gallery.store.jobs.unfinished() == []


def test_a_job_that_is_dropped_half_way_leaves_whole_shards_and_no_thread(gallery):
    import threading

    from attribase.ingest.embed import embed

    before = threading.active_count()
    ids = gallery.images([gallery.png(seed) for seed in range(60)])
    steps = embed(gallery.store, gallery.name, batch=2, shard_size=4)
    while next(steps).done < 8:
        pass
    steps.close()
    assert threading.active_count() == before
    done = len(gallery.embedded())
    assert done % 4 == 0
    assert 8 <= done <= 60
    gallery.embed()
    assert gallery.embedded() == sorted(ids)
