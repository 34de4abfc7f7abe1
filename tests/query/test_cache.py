"""One cache for threads: each value made once, bounded by count or by size, dropped by generation."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from attribase.query.cache import GenerationCache, SharedCache


def test_a_cache_makes_each_thing_once_and_drops_what_two_generations_did_not_ask_for():
    cache, made = GenerationCache(), []

    def make():
        made.append(1)
        return object()

    first = cache.get("a", make)
    assert cache.get("a", make) is first
    cache.next_generation()
    cache.next_generation()
    assert cache.get("a", make) is not first
    assert len(made) == 2


def test_the_least_recently_used_value_goes_first():
    cache, made = SharedCache(2), []
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_sizes_are_bounded_and_what_is_too_large_is_not_kept():
    cache = SharedCache(10, len)
    for value in ("aaaa", "bbbb", "cccc"):
        assert cache.get(value[0], lambda value=value: value) == value
    assert cache.size == 8
    assert cache.get("d", lambda: "d" * 11) == "d" * 11
    assert cache.size == 8
    cache.discard("c")
    cache.discard("unknown")
    assert cache.size == 4


def test_threads_that_need_one_value_make_it_once():
    cache, made, barrier = SharedCache(), [], Barrier(8)

    def ask(_):
        barrier.wait()
        return cache.get("a", lambda: made.append(1) or object())

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert len(made) == 1


def test_what_could_not_be_made_is_made_again():
    cache = SharedCache()
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert len(cache) == 0
    assert cache.get("a", lambda: cache.get("b", lambda: 1) + 1) == 2
