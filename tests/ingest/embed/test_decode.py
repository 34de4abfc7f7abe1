"""Decoding processes: the same pixels as here, and nothing that one image can stop."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from attribase.ingest.embed.decode import DecoderPool, ImageDecoder, InProcessDecoder, Ring
from attribase.runtime.processes import ChildProcess
from attribase.store import AttribaseError

HELPER = """
import os, threading
from pathlib import Path
from attribase.ingest.embed.decode import ImageDecoder

class Fragile(ImageDecoder):
    def write(self, source, out):
        if source.startswith(b"crash"):
            os._exit(3)
        if source.startswith(b"hang"):
            Path(source[4:].decode()).write_text(str(os.getpid()))
            threading.Event().wait()
        return super().write(source, out)

class Broken(ImageDecoder):
    def __setstate__(self, state):
        os._exit(4)
"""


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """A module that spawned processes can import, too."""
    (tmp_path / "decoders_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    import decoders_helper

    yield decoders_helper
    sys.modules.pop("decoders_helper", None)


@pytest.fixture
def processes():
    """Starts decoding processes; ends them."""
    started = []

    def start(decoder, ring, workers):
        started.append(DecoderPool(decoder, ring, workers))
        return started[-1]

    yield start
    for one in started:
        one.close()
    assert multiprocessing.active_children() == []


def compare(gallery, decoder, images, workers, processes):
    """(failures, pixels) from processes and from here."""
    found = []
    for make in (
        lambda ring: processes(decoder, ring, workers),
        lambda ring: InProcessDecoder(decoder, ring),
    ):
        ring = Ring.allocate(2, len(images), gallery.preprocessing.size)
        failures = make(ring).decode(1, images)()
        found.append((failures, ring.pixels()[1].copy()))
    return found


@pytest.mark.slow
def test_processes_write_the_same_pixels_as_this_one(gallery, processes):
    images = [gallery.png(seed, 30, 20) for seed in range(5)] + [b"", b"<html>", gallery.png(7)]
    decoder = ImageDecoder(gallery.preprocessing, 10**6)
    (failures, pixels), (expected, here) = compare(gallery, decoder, images, 2, processes)
    assert failures == expected
    assert [failure and failure.reason for failure in failures] == [None] * 5 + [
        "empty",
        "not-an-image",
        None,
    ]
    assert np.array_equal(pixels, here)
    assert pixels[0].any()
    assert not pixels[5].any()


def test_compiled_and_plain_decoding_write_the_same_pixels(gallery):
    images = [gallery.png(seed, 30 + seed, 50 - seed) for seed in range(6)]
    pixels = []
    for compiled in (True, False):
        ring = Ring.allocate(1, 6, gallery.preprocessing.size)
        assert (
            InProcessDecoder(ImageDecoder(gallery.preprocessing, 10**6, compiled), ring).decode(0, images)()
            == [None] * 6
        )
        pixels.append(ring.pixels().copy())
    assert np.array_equal(*pixels)


@pytest.mark.slow
def test_an_image_that_crashes_its_decoder_is_one_failure(gallery, helper, processes):
    images = [gallery.png(0), b"crash", gallery.png(1), gallery.png(2)]
    ring = Ring.allocate(1, 4, gallery.preprocessing.size)
    found = processes(helper.Fragile(gallery.preprocessing, 10**6), ring, 1).decode(0, images)()
    assert [failure and failure.reason for failure in found] == [None, "crashed", None, None]
    assert "exit code 3" in found[1].detail
    whole = Ring.allocate(1, 4, gallery.preprocessing.size)
    InProcessDecoder(ImageDecoder(gallery.preprocessing, 10**6), whole).decode(0, images)()
    assert np.array_equal(ring.pixels(), whole.pixels())


@pytest.mark.slow
def test_an_image_that_hangs_its_decoder_is_one_failure(gallery, helper, processes, tmp_path, monkeypatch):
    """Its time is over as soon as the process says that it hangs; every other image has all the time."""
    hanging, budgets, killed = tmp_path / "hanging", [], []
    receive = ChildProcess.receive

    def receive_or_hang(child, seconds=None):
        budgets.append(seconds)
        while not child.pipe.poll(0.02):
            if hanging.exists() and hanging.read_text():
                killed.append(int(hanging.read_text()))
                hanging.unlink()
                return receive(child, seconds=0)
        return receive(child)

    monkeypatch.setattr(ChildProcess, "receive", receive_or_hang)
    ring = Ring.allocate(1, 2, gallery.preprocessing.size)
    fragile = helper.Fragile(gallery.preprocessing, 10**6, compiled=False)
    hang = b"hang" + str(hanging).encode()
    found = processes(fragile, ring, 1).decode(0, [hang, gallery.png(0)])()
    assert [failure and failure.reason for failure in found] == ["crashed", None]
    assert "no answer" in found[0].detail
    assert budgets == [300, 240, 300, 120, 300, 120]  # both images; the first alone; the second alone
    assert len(set(killed)) == 2
    assert not any(map(alive, killed))


@pytest.mark.slow
def test_processes_that_do_not_start_are_an_error(gallery, helper, processes):
    ring = Ring.allocate(1, 1, gallery.preprocessing.size)
    wait = processes(helper.Broken(gallery.preprocessing, 10**6), ring, 1).decode(0, [gallery.png(0)])
    with pytest.raises(AttribaseError, match="before it was ready") as error:
        wait()
    assert "__main__" in error.value.hint


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in listed.stdout.split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_outlives_a_killed_parent(gallery):
    code = f"""
        import time
        from attribase.ingest.embed.decode import DecoderPool, ImageDecoder, Ring
        from attribase.runtime import Preprocessing
        if __name__ == "__main__":
            ring = Ring.allocate(1, 2, 8)
            made = DecoderPool(ImageDecoder(Preprocessing(8, 8), 10**6), ring, 2)
            made.decode(0, [{gallery.png(0)!r}] * 2)()
            print("ready", flush=True)
            time.sleep(600)
    """
    script = gallery.store.layout.file("parent.py")
    script.parent.mkdir(exist_ok=True)
    script.write_text(textwrap.dedent(code))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "ready\n"
    workers = children(parent.pid)
    assert len(workers) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()  # until the workers have closed stdout, too: they have ended
    while any(map(alive, workers)):
        time.sleep(0.01)
