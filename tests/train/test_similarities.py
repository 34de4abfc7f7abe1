"""The largest similarities of a stream: the same as by sorting, in the memory of the result."""

import tracemalloc

import numpy as np
import pytest
from attribase.train import similarities
from attribase.train.config import CalibrationConfig
from attribase.train.similarities import RunningTop, load_similarities


@pytest.mark.parametrize(("top", "spare"), [(1, 1), (7, 3), (50, 8), (300, 40)])
def test_the_largest_of_a_stream_are_those_of_sorting(top, spare):
    rng = np.random.default_rng(0)
    stream = rng.normal(size=(5, 400)).astype(np.float32)
    stream[1, 3:300] = -np.inf
    best = RunningTop(np.empty((5, top + spare), np.float32), top)
    for block in np.split(stream, [13, 14, 150, 390], axis=1):
        best.add(block)
        assert best.values.shape[1] <= top
    assert np.array_equal(np.sort(best.values), np.sort(stream)[:, -top:])


def test_it_writes_into_its_part_of_a_larger_array_only():
    whole = np.zeros((2, 6), np.float32)
    best = RunningTop(whole[:, 2:], 3)
    best.add(np.arange(20, dtype=np.float32).reshape(2, 10))
    assert np.array_equal(np.sort(best.values), [[7, 8, 9], [17, 18, 19]])
    assert np.shares_memory(best.values, whole)
    assert not whole[:, :2].any()


def test_the_gallery_is_streamed_in_the_memory_of_the_result_and_one_block(make_store, monkeypatch):
    """Numpy reports its arrays to tracemalloc; concatenating blocks to take their top needs twice as much."""
    monkeypatch.setattr(similarities, "BLOCK", 128)
    store = make_store(val=100, samples=20, gallery=4000)
    config = CalibrationConfig(top=1000)
    load_similarities(store, "made", "none", config)  # what is cached at the first call does not count
    tracemalloc.start()
    found = load_similarities(store, "made", "none", config)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    samples, width = found.values.shape
    result = 4 * samples * width
    one_block = 4 * samples * 128
    assert peak < 1.15 * result + 3 * one_block
