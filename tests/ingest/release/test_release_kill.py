"""An import that is interrupted anywhere and run again leaves the tables of an undisturbed one."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from attribase.ingest.release import ingest_release, parts
from attribase.store import Store
from attribase.store.checks import check

from .contents import contents

CHILD = Path(__file__).with_name("import_process.py")
CHUNK = 8


class CutError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(parts, "CHUNK", CHUNK)


@pytest.fixture(scope="module")
def whole(official, tmp_path_factory):
    uri = tmp_path_factory.mktemp("whole") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "CHUNK", CHUNK)
        list(ingest_release(uri, official.folder))
    return contents(Store.open(uri))


def commits(monkeypatch, limit: float) -> list[int]:
    """Let `limit` writes through, then none; returns where they are counted."""
    seen = [0]

    def counting(write):
        def wrapped(*arguments, **options):
            seen[0] += 1
            if seen[0] > limit:
                raise CutError
            return write(*arguments, **options)

        return wrapped

    for name in ("upsert", "set_vector_column"):
        monkeypatch.setattr(Store, name, counting(getattr(Store, name)))
    return seen


@pytest.mark.slow
def test_cut_off_after_any_number_of_writes(official, tmp_path, whole, monkeypatch):
    with monkeypatch.context() as patch:
        seen = commits(patch, float("inf"))
        list(ingest_release(tmp_path / "counted", official.folder))
    assert seen[0] > 60
    for limit in range(3, seen[0], seen[0] // 4):
        uri = tmp_path / f"cut-{limit}"
        with monkeypatch.context() as patch:
            commits(patch, limit)
            with pytest.raises(CutError):
                list(ingest_release(uri, official.folder))
        list(ingest_release(uri, official.folder))
        assert contents(Store.open(uri)) == whole, limit


@pytest.mark.slow
def test_killed_and_run_again(official, tmp_path, whole):
    uri = tmp_path / "store"
    command = [sys.executable, CHILD, uri, official.folder, CHUNK]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as child:
        for _ in range(8):
            assert child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)
    assert contents(Store.open(uri)) == whole
    assert check(Store.open(uri)) == []
