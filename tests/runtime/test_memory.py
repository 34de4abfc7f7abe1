"""What is asked of glibc, on a stand-in: how fast it then is, benchmarks measure."""

import pytest
from attribase.runtime import memory


class FakeLibc:
    def __init__(self) -> None:
        self.calls = []

    def mallopt(self, option, value):
        self.calls.append((option, value))

    def malloc_trim(self, pad):
        self.calls.append(("trim", pad))


def test_freed_memory_is_given_back_after_a_scan_that_failed(monkeypatch):
    libc = FakeLibc()
    monkeypatch.setattr(memory, "_glibc", lambda: libc)

    def scan():
        with memory.reuse_freed_memory():
            assert libc.calls == [(-1, 64 << 20), (-3, 1 << 30)]
            raise KeyError

    with pytest.raises(KeyError):
        scan()
    assert libc.calls[2:] == [(-1, 64 << 20), (-3, 32 << 20), ("trim", 0)]


def test_a_worker_keeps_freed_memory_for_good(monkeypatch):
    libc = FakeLibc()
    monkeypatch.setattr(memory, "_glibc", lambda: libc)
    memory.always_reuse_freed_memory()
    assert libc.calls == [(-1, 1 << 30), (-2, 64 << 20), (-3, 1 << 30)]


def test_nothing_happens_without_glibc(monkeypatch):
    memory._glibc.cache_clear()
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: pytest.fail("loaded"))
    with memory.reuse_freed_memory():
        memory.always_reuse_freed_memory()
    memory._glibc.cache_clear()
