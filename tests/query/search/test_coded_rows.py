"""Vectors of 8 bits a number beside the index: what they find, when they are used, and when they are not."""

import errno
import os
from types import SimpleNamespace

import numpy as np
import pytest
from attribase.query.search import coded_file, coded_rows
from attribase.query.search import index as module
from attribase.query.search.coded_file import read_coded_rows
from attribase.query.search.coded_rows import CHECKED_ERROR
from attribase.query.search.index_recall import RecallBenchmark
from attribase.query.search.partitions import SpacePartitions, store_codes
from attribase.store import index_search
from attribase.store.erasure import erase
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal

from .conftest import clustered, table_of


@pytest.fixture
def often(monkeypatch):
    """Processes search often from the first search on."""
    monkeypatch.setattr(module, "MANY_SEARCHES", 0)


def codes_of(space):
    return space.open_index()._open_codes()


def answer(large, query, k=10, pool="all"):
    space = large.space
    found = space.search(query[None], k, space.pool(pool), method="index")
    return space.rows.ids_of(found.rows[0])


@pytest.mark.usefixtures("often")
def test_estimates_are_those_of_the_rows_of_the_nearest_partitions(indexed, queries):
    space = indexed.space
    codes, partitions = codes_of(space), SpacePartitions.read(space)
    unit = space.unit_rows(np.arange(len(space)))
    for query in queries:
        near = np.argsort(-(partitions.centres @ query), kind="stable")[:5]
        inside = np.flatnonzero(np.isin(partitions.of_row, near))
        rows, distances = codes.nearest(query, len(space), 5)
        assert sorted(rows.tolist()) == inside.tolist()
        assert (np.diff(distances) >= 0).all()
        assert np.abs(1 - distances - unit[rows] @ query).max() < CHECKED_ERROR
        best, _ = codes.nearest(query, 7, 5)
        assert best.tolist() == rows[:7].tolist()
        mask = np.arange(len(space)) % 3 == 0
        some, _ = codes.nearest(query, len(space), 5, codes.in_places(mask))
        assert some.tolist() == [row for row in rows.tolist() if mask[row]]
    assert codes.in_places(np.ones(len(space), bool)) is None


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(("more", "least"), [(0, 0.5), (40, 0.9), (10**6, 1.0)])
def test_signs_choose_the_rows_that_are_compared_by_8_bits(indexed, queries, monkeypatch, more, least):
    """32 numbers have coarse signs: the more rows they choose, the fewer of the best ten they miss."""
    monkeypatch.setattr(coded_rows, "LIKELY_MORE", more)
    codes, partitions = codes_of(indexed.space), len(codes_of(indexed.space).centres)
    found = [
        np.isin(exact_codes(codes, query)[:10], codes.nearest(query, 10, partitions)[0]).mean()
        for query in queries
    ]
    assert np.mean(found) >= least
    rows, _ = codes.nearest(queries[0], 10, partitions)
    mask = np.ones(len(indexed.space), bool)
    mask[rows] = False
    assert not np.isin(codes.nearest(queries[0], 10, partitions, codes.in_places(mask))[0], rows).any()


def exact_codes(codes, query):
    """Rows by their 8 bits, the most similar first."""
    return codes.rows[np.argsort(-(codes.codes @ query) * codes.factors, kind="stable")]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("floor", [0.9, 0.6, 0.2, -1.0])
@pytest.mark.parametrize("nprobes", [1, 4])
def test_rows_above_a_floor_are_found_in_all_partitions_that_have_some(indexed, queries, floor, nprobes):
    codes = codes_of(indexed.space)
    for query in queries:
        similarities = (codes.codes @ query) * codes.factors
        wanted = codes.rows[similarities >= floor + 1e-3]
        rows, distances = codes.above(query, floor, nprobes)
        assert (np.diff(distances) >= 0).all()
        assert (1 - distances >= floor).all()
        assert len(np.unique(rows)) == len(rows)
        assert np.isin(wanted, rows).mean() > 0.95 if len(wanted) else True
        mask = np.arange(len(indexed.space)) % 3 == 0
        some, _ = codes.above(query, floor, nprobes, codes.in_places(mask))
        assert np.isin(some, np.flatnonzero(mask)).all()


@pytest.mark.usefixtures("often")
def test_rows_above_a_floor_are_found_where_the_nearest_partitions_have_none_that_count(indexed, queries):
    codes = codes_of(indexed.space)
    for query in queries:
        near, _ = codes.nearest(query, len(indexed.space), 2)
        mask = np.ones(len(indexed.space), bool)
        mask[near] = False
        similarities = np.where(mask[codes.rows], (codes.codes @ query) * codes.factors, -2)
        wanted = codes.rows[np.argsort(-similarities)[:50]]
        rows, _ = codes.above(query, float(np.sort(similarities)[-50]) - 1e-3, 2, codes.in_places(mask))
        assert np.isin(wanted, rows).mean() > 0.9
        assert mask[rows].all()


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("pool", ["all", "gallery"])
def test_answers_are_as_good_as_the_exact_ones_and_come_from_the_codes(indexed, queries, pool, monkeypatch):
    """The ten best of twenty queries; Lance is asked for none of them."""
    exact = [indexed.space.search(q[None], 10, indexed.space.pool(pool), method="exact") for q in queries]
    monkeypatch.setattr(index_search, "nearest_of_each", None)
    space = indexed.space
    hits = [
        np.mean(
            space.search(q[None], 10, space.pool(pool), method="index").similarities >= e.similarities[0, -1]
        )
        for q, e in zip(queries, exact, strict=True)
    ]
    assert np.mean(hits) >= 0.98


def test_a_process_that_searches_now_and_then_asks_lance(indexed, queries, monkeypatch):
    monkeypatch.setattr(module, "MANY_SEARCHES", 2)
    space, asked = indexed.space, []
    nearest = index_search.nearest_of_each
    monkeypatch.setattr(
        index_search, "nearest_of_each", lambda *given, **more: asked.append(1) or nearest(*given, **more)
    )
    for query in queries[:5]:
        space.search(query[None], 10, space.pool(), method="index")
    assert len(asked) == 2
    other = indexed.space
    other.open_index().warm()
    other.search(queries[:1], 10, other.pool(), method="index")
    assert len(asked) == 2


@pytest.mark.usefixtures("often")
def test_a_condition_and_many_answers_are_asked_of_lance(indexed, queries):
    space = indexed.space
    index = space.open_index()
    assert codes_of(space) is not None
    assert index._search_codes(queries[0], 5, space.pool("all", "creator = 'c1'"), 4) is None
    assert index._search_codes(queries[0], len(space), space.pool(), 4) is None  # four partitions have fewer


@pytest.mark.usefixtures("often")
def test_they_are_used_while_only_samples_are_added(indexed, queries):
    before = answer(indexed, queries[0])
    rows = clustered(5, 30)
    indexed.store.upsert("samples", [{"sample_id": f"new{n}", "model_id": "m"} for n in range(5)])
    indexed.store.upsert("vectors_enc", table_of([f"new{n}" for n in range(5)], "sample", rows))
    assert codes_of(indexed.space) is not None
    assert answer(indexed, queries[0]) == before
    late = indexed.add("late", queries)
    assert codes_of(indexed.space) is None
    assert answer(indexed, queries[3], k=1) == late[3:4]
    assert indexed.index()
    assert codes_of(indexed.space) is not None
    assert answer(indexed, queries[3], k=1) == late[3:4]


@pytest.mark.usefixtures("often")
def test_they_are_not_used_where_an_image_was_deleted_or_the_index_is_another(indexed):
    assert codes_of(indexed.space) is not None
    indexed.store.dataset("vectors_enc").delete("item_id = 'i00007'")
    assert codes_of(indexed.space) is None
    list(store_codes(indexed.space))
    assert codes_of(indexed.space) is not None
    indexed.index(force=True, kind="IVF_SQ")
    first = codes_of(indexed.space)
    assert first is not None
    partitions = SpacePartitions.read(indexed.space)
    assert np.array_equal(first.centres, partitions.centres)


@pytest.mark.parametrize(
    ("read", "in_memory", "mapped"), [(False, False, 4), (False, True, 5), (True, False, 5)]
)
def test_pages_are_read_from_a_disk_before_searches_only_where_many_are_expected(
    read, in_memory, mapped, monkeypatch
):
    """The file of `codes` is large; all other arrays are read by each search."""
    monkeypatch.setattr(coded_file, "_is_in_memory", lambda _: in_memory)
    asked = []

    def array(name):
        return SimpleNamespace(
            base=SimpleNamespace(_mmap=SimpleNamespace(madvise=lambda _: asked.append(name)))
        )

    names = ("signs", "terms", "factors", "rows", "codes")
    coded_file.map_pages(SimpleNamespace(**{name: array(name) for name in names}), read=read)
    assert asked == list(names[:mapped])


def test_whether_a_file_is_in_memory_is_seen_without_reading_it(indexed):
    codes = read_coded_rows(indexed.store, indexed.space._features, len(indexed.ids))
    codes.codes.sum()
    assert coded_file._is_in_memory(codes.codes.base)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("damage", ["cut", "junk", "other vectors", "other signs", "gone"])
def test_a_damaged_file_is_not_used(indexed, queries, damage):
    expected = answer(indexed, queries[0])
    path = indexed.store.file("codes", "vectors_enc.base")
    data = bytearray(path.read_bytes())
    last = {"other vectors": 32 + 8 + 12, "other signs": 8}.get(damage, 0) * len(indexed.ids)
    data[len(data) - last :] = np.random.default_rng(0).bytes(last)
    if damage != "gone":
        path.write_bytes({"cut": data[:-1], "junk": b"\xff" * 100}.get(damage, data))
    else:
        path.unlink()
    assert codes_of(indexed.space) is None
    assert answer(indexed, queries[0]) == expected
    assert {step.stage for step in indexed.index()} == {"codes"}
    assert codes_of(indexed.space) is not None


@pytest.mark.usefixtures("often")
def test_recall_is_measured_of_the_index_alone(indexed):
    benchmark = RecallBenchmark(indexed.space, 5)
    assert codes_of(benchmark.space) is None


def test_indexing_again_writes_nothing_and_a_second_writer_replaces_the_file(indexed):
    path = indexed.store.file("codes", "vectors_enc.base")
    written = path.stat().st_mtime_ns
    assert indexed.index() == []
    assert path.stat().st_mtime_ns == written
    mapped = read_coded_rows(indexed.store, indexed.space._features, len(indexed.ids))
    before = mapped.codes.copy()
    list(store_codes(indexed.space))
    assert np.array_equal(mapped.codes, before)  # a process that has the earlier file open keeps it
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name]


def test_a_full_disk_leaves_the_index_and_no_part_of_a_file(indexed, queries, monkeypatch):
    path = indexed.store.file("codes", "vectors_enc.base")
    path.unlink()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        indexed.index()
    assert list(path.parent.iterdir()) == []
    assert len(answer(indexed, queries[0])) == 10


def test_what_a_killed_writer_left_is_deleted_after_a_day(indexed):
    folder = indexed.store.file("codes", "vectors_enc.base").parent
    old, young = (folder / f"vectors_enc.base.{number}.part" for number in (1, 2))
    for one in (old, young):
        one.write_bytes(b"unfinished")
    os.utime(old, (0, 0))
    list(store_codes(indexed.space))
    assert young.exists()
    assert not old.exists()


def test_a_row_of_zeros_is_similar_to_nothing(large, queries, monkeypatch):
    monkeypatch.setattr(module, "MANY_SEARCHES", 0)
    rows = np.zeros((1, 32), np.float32)
    (name,) = large.add("zero", rows)
    large.index()
    space = large.space
    codes = codes_of(space)
    rows, distances = codes.nearest(queries[0], len(space), len(codes.centres))
    at = space.rows.ids_of(rows).index(name)
    assert distances[at] == 1


def test_erasing_deletes_them(indexed):
    path = indexed.store.file("codes", "vectors_enc.base")
    assert path.exists()
    list(remove(indexed.store, plan_removal(indexed.store, ids=["i00003"]), erase=True))
    assert codes_of(indexed.space) is None
    list(erase(indexed.store))
    assert not path.exists()
