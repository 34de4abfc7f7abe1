"""The vectors of spaces in memory: bounded in all, and gone with their space."""

import gc

from attribase.query import Session
from attribase.query.cache import SharedCache
from attribase.query.search import space as module


def test_vectors_of_many_spaces_do_not_fill_the_memory(small, monkeypatch):
    size = Session(small.store).snapshot().space().load_vectors().nbytes
    cache = SharedCache(2.5 * size, lambda rows: rows.nbytes)
    monkeypatch.setattr(module, "_VECTORS", cache)
    spaces = [Session(small.store).snapshot().space() for _ in range(7)]
    for space in spaces:
        assert space.load_vectors().nbytes == size
        assert cache.size <= 2.5 * size
    assert spaces[-1].load_vectors() is spaces[-1].load_vectors()
    del space, spaces
    gc.collect()
    assert cache.size == 0
