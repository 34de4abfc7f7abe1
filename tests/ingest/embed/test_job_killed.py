"""Killed at any moment and started again: no vector twice, none missing."""

import random
import signal
import subprocess
import sys
import threading

import pytest
from attribase.ingest.embed import embed

SCRIPT = """
import os, signal, sys
from attribase.ingest.embed import embed
from attribase.store import Job, Store

left = int(sys.argv[3])

def kill_around(function):
    def call(*args, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **options)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

if __name__ == "__main__":
    store = Store.open(sys.argv[1])
    Store.upsert, Store.record_failures, Job.finish = map(
        kill_around, (Store.upsert, Store.record_failures, Job.finish))
    list(embed(store, "mean", batch=4, workers=int(sys.argv[2]), shard_size=8))
"""


@pytest.fixture
def run(gallery, tmp_path):
    """Run the job in another process, killed before or after a write: the `writes`-th of such moments."""
    (tmp_path / "job.py").write_text(SCRIPT)

    def run(workers, writes=0):
        command = [sys.executable, str(tmp_path / "job.py"), gallery.store.uri, str(workers), str(writes)]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_killed_at_random_moments_nothing_is_missing_and_nothing_is_there_twice(gallery, run, workers):
    """In 26 shards there are more than 150 moments: three kills come before the end."""
    ids = gallery.images([gallery.png(seed) for seed in range(150)])
    ids += gallery.samples([gallery.png(seed) for seed in range(150, 200)])
    broken = gallery.images([gallery.png(seed)[:-60] for seed in range(200, 204)])
    moments = random.Random(workers)
    for _ in range(3):
        assert run(workers, moments.randint(1, 40)).returncode == -signal.SIGKILL
    ids += gallery.images([gallery.png(999)])  # comes meanwhile
    assert 0 < len(gallery.embedded()) < 200
    last = run(workers)
    assert last.returncode == 0, last.stderr
    assert gallery.embedded() == sorted(ids)
    assert gallery.failures() == dict.fromkeys(broken, "truncated")
    assert gallery.embed()[-1].total == 0
    assert gallery.store.jobs.unfinished() == []


def test_a_job_that_is_dropped_half_way_leaves_whole_shards_and_no_thread(gallery):
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
