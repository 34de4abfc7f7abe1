"""Exact search and what a space knows, against sorting everything in numpy."""

import threading

import lance
import numpy as np
import pyarrow as pa
import pytest
from attribase.query.features import MANY_ROWS, Pinned
from attribase.query.search import SearchSpace
from attribase.store import Store
from attribase.store.errors import ConflictError, InvalidInputError

from .conftest import table_of


def ids_of(space, rows):
    return [space.ids[int(row)].as_py() for row in rows if row >= 0]


def test_exact_search_is_sorting_the_whole_pool(large_once, queries):
    space, pool = large_once.space, large_once.space.pool("all")
    among = set(large_once.ids[:3950])
    found = space.search(queries, 25, pool, method="exact")
    assert found.method == "exact"
    assert found.recall is None
    assert found.searched.tolist() == [3950] * 20
    for query, rows, similarities in zip(queries, found.rows, found.similarities, strict=True):
        assert ids_of(space, rows) == large_once.best(query, 25, among)
        truth = np.sort(large_once.unit[:3950] @ query)[::-1][:25]
        np.testing.assert_allclose(similarities, truth, atol=3e-7)


@pytest.mark.parametrize("k", [1, 700, 9000])
def test_any_k_gives_the_best_of_the_pool_and_no_more(large_once, queries, k):
    space = large_once.space
    found = space.search(queries[:3], k, space.pool("gallery"), method="exact")
    assert found.rows.shape == (3, min(k, 3900))
    gallery = set(large_once.ids[:3900])
    assert ids_of(space, found.rows[2]) == large_once.best(queries[2], k, gallery)


def test_equal_vectors_have_equal_similarities_and_come_by_id(large, queries):
    same = np.tile(queries[0] * 2, (30, 1))
    ids = large.add("copy", same)
    space = large.space
    for k in (7, 30):
        found = space.search(queries[:1], k, space.pool(), method="exact")
        assert ids_of(space, found.rows[0]) == sorted(ids)[:k]
        assert len(set(found.similarities[0].tolist())) == 1


def test_a_scan_streams_each_row_of_the_pool_once(large_once, queries):
    space = large_once.space
    for pool in (space.pool("gallery"), space.pool("all", "creator = 'c7'")):
        rows, blocks = [], []
        for mine, similarities in space.scan(queries, pool, block=512):
            assert similarities.shape == (20, len(mine))
            assert len(mine) <= 512
            rows.append(mine)
            blocks.append(similarities)
        whole = np.concatenate(rows)
        assert whole.tolist() == np.flatnonzero(pool.mask).tolist()
        np.testing.assert_allclose(
            np.concatenate(blocks, axis=1), queries @ space.unit_rows(whole).T, atol=1e-6
        )


def test_samples_and_images_are_found_by_name(large_once):
    space = large_once.space
    vectors = space.sample_vectors(["s003", "nobody", "i00001", "s059"])
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, True, False]
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, 3]], axis=1), 1, atol=1e-6)
    rows = space.rows.image_rows(["i00042", "s003", "", "i03999"])
    assert ids_of(space, rows[[0, 3]]) == ["i00042", "i03999"]
    assert rows[1:3].tolist() == [-1, -1]
    np.testing.assert_allclose(space.unit_rows(rows[[0, 3]]), large_once.unit[[42, 3999]], atol=1e-6)


def test_all_is_the_gallery_and_every_exemplar(large_once):
    space = large_once.space
    assert (space.pool("gallery").size, space.pool("all").size) == (3900, 3950)
    assert space.pool() is space.pool()


def test_images_without_a_vector_are_counted(large):
    large.store.upsert("images", [{"image_id": "blank"}])
    large.store.upsert("members", [{"collection": "gallery", "image_id": "blank"}])
    pool = large.space.pool("gallery")
    assert (pool.size, pool.missing) == (3900, 1)


def test_a_space_stays_at_its_version(large, queries):
    space = large.space
    large.add("late", queries * 3)
    assert len(space) == 4000
    assert space.pool().size == 3950
    assert len(large.space) == 4020


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros(32, np.float32),
        np.zeros((1, 31), np.float32),
        np.full((1, 32), np.nan, np.float32),
        np.full((1, 32), np.inf, np.float32),
    ],
)
def test_vectors_that_do_not_fit_are_refused(large_once, vectors):
    space = large_once.space
    with pytest.raises(InvalidInputError):
        space.search(vectors, 3, space.pool())
    with pytest.raises(InvalidInputError):
        list(space.scan(vectors, space.pool()))


def test_wrong_words_are_refused(large_once, queries):
    space = large_once.space
    with pytest.raises(InvalidInputError, match="k is 0"):
        space.search(queries, 0, space.pool())
    with pytest.raises(InvalidInputError, match="guess"):
        space.search(queries, 1, space.pool(), method="guess")
    with pytest.raises(InvalidInputError, match="nowhere"):
        space.pool("nowhere")


def test_an_empty_pool_has_no_answers(indexed_once, queries):
    space = indexed_once.space
    for method in ("auto", "exact", "index"):
        found = space.search(queries, 5, space.pool("all", "creator = 'nobody'"), method=method)
        assert found.rows.shape == (20, 0)


def test_a_mapper_that_has_mapped_nothing_is_an_error(large_once):
    with pytest.raises(ConflictError, match="tuned"):
        SearchSpace.open(Pinned.now(large_once.store), "enc", "tuned")


def test_rows_of_zeros_are_similar_to_nothing(large, queries):
    large.add("zero", np.zeros((1, 32), np.float32) + 0)
    space = large.space
    found = space.search(queries[:1], 4001, space.pool(), method="exact")
    at = found.rows[0].tolist().index(int(space.rows.image_rows(["zero00000"])[0]))
    assert found.similarities[0, at] == 0


def test_many_threads_get_the_answers_of_one(indexed_once, queries):
    space = indexed_once.space
    alone = [space.search(query[None], 10, space.pool(), method="index").rows for query in queries]
    fresh, answers = indexed_once.space, {}

    def ask(at):
        answers[at] = fresh.search(queries[at][None], 10, fresh.pool(), method="index").rows

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((answers[at] == alone[at]).all() for at in range(20))


def test_ids_of_a_few_rows_are_those_of_all(large_once):
    few, every = large_once.space, large_once.space
    rows = np.array([3999, 0, 17, 3999])
    assert few.rows.ids_of(rows) == every.ids.take(pa.array(rows)).to_pylist()
    assert every.rows.ids_of(rows) == few.rows.ids_of(rows)
    assert few.rows.image_rows(["i00017", "s000", "nobody"]).tolist()[1:] == [-1, -1]
    assert few.ids[int(few.rows.image_rows(["i00017"])[0])].as_py() == "i00017"


def test_a_search_of_the_index_reads_no_ids_but_those_of_the_answer(indexed_once, queries, monkeypatch):
    fresh = indexed_once.space
    monkeypatch.setattr(type(fresh._features), "ids", property(lambda _: pytest.fail("all ids were read")))
    found = fresh.search(queries[:1], 10, fresh.pool(), method="index")
    assert len(fresh.rows.ids_of(found.rows[0])) == 10
    assert np.isfinite(fresh.sample_vectors(["s000", "s059"])).all()
    assert np.isnan(fresh.sample_vectors(["i00017"])).all()


def test_rows_that_are_read_a_few_at_a_time_come_from_the_files_in_the_end(tmp_path, monkeypatch):
    """Lance takes milliseconds for ten rows, the files a few microseconds each."""
    store = Store.create(tmp_path / "a.store")
    store.upsert("encoders", [{"encoder": "wide", "dim": 512}])
    rows = np.random.default_rng(1).normal(size=(300, 512)).astype(np.float32)
    store.upsert(
        store.ensure_vectors("wide", 512), table_of([f"i{n:03d}" for n in range(300)], "image", rows)
    )
    space, asked = SearchSpace.open(Pinned.now(store), "wide", "none"), []
    take = lance.LanceDataset.take
    monkeypatch.setattr(lance.LanceDataset, "take", lambda *of, **how: asked.append(1) or take(*of, **how))
    for start in range(0, 300, 10):
        wanted = rows[start : start + 10]
        wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
        np.testing.assert_allclose(space.unit_rows(np.arange(start, start + 10)), wanted, atol=1e-7)
    assert 0 < len(asked) <= MANY_ROWS / 10 + 1
