"""What Lance's indexes do, as far as searching relies on it; re-verified here on every upgrade."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.store import Store, index_search, indexes
from attribase.store.errors import ConflictError, InvalidInputError
from attribase.store.index_search import allowed_rows, nearest, nearest_of_each, row_addresses
from attribase.store.indexes import AssignedRows, describe

DIM, ROWS = 16, 1200


def rows_of(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, DIM)).astype(np.float32)


def add(store: Store, table: str, prefix: str, rows: np.ndarray) -> None:
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    ids = [f"{prefix}{n:05d}" for n in range(len(rows))]
    store.upsert(table, pa.table({"item_id": ids, "item_kind": ["image"] * len(ids), "base": column}))


@pytest.fixture
def filled(store: Store) -> tuple[Store, str, np.ndarray]:
    """A store, its vector table with an index over `base`, and the unit rows of it."""
    table, rows = store.ensure_vectors("enc", DIM), rows_of(0, ROWS)
    add(store, table, "a", rows)
    indexes.build(store, table, "base", "IVF_SQ", unit(rows[:8]))
    return store, table, unit(rows)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def places(
    store: Store, table: str, query: np.ndarray, k: int, nprobes: int, chosen: np.ndarray
) -> list[int]:
    dataset = store.dataset(table)
    addresses = row_addresses(dataset)
    mask = np.isin(np.arange(len(addresses)), chosen)
    found, _ = nearest(dataset, "base", query, k, nprobes, allowed_rows(addresses, mask))
    return np.searchsorted(addresses, found).tolist()


def test_an_index_is_described(filled):
    store, table, _ = filled
    found = describe(store.dataset(table), "base")
    assert (found.name, found.kind, found.metric) == ("base_ann", "IVF_SQ", "cosine")
    assert (found.rows, found.unindexed, found.segments) == (ROWS, 0, 1)
    assert found.bytes > ROWS * DIM
    assert describe(store.dataset(store.ensure_vectors("other", 8)), "base") is None


def test_all_partitions_hold_the_nearest_rows(filled):
    store, table, rows = filled
    for query in unit(rows_of(1, 5)):
        found = places(store, table, query, 40, 8, np.arange(ROWS))
        assert set(np.argsort(-(rows @ query))[:10]) <= set(found)


def test_only_allowed_rows_are_found_and_all_of_them_when_they_are_few(filled):
    store, table, rows = filled
    query = unit(rows_of(1, 1))[0]
    far = np.argsort(rows @ query)[:7]  # in other partitions than the first one looked into
    assert set(places(store, table, query, 7, 1, np.sort(far))) == set(far)
    half = np.arange(0, ROWS, 2)
    assert set(places(store, table, query, 50, 1, half)) <= set(half)


def test_rows_that_came_later_are_found_before_and_after_they_are_folded_in(filled):
    store, table, _ = filled
    late = rows_of(2, 30)
    add(store, table, "z", late)
    for unindexed in (30, 0):
        assert describe(store.dataset(table), "base").unindexed == unindexed
        for n, query in enumerate(unit(late)[:5]):
            assert places(store, table, query, 1, 1, np.arange(ROWS + 30)) == [ROWS + n]
        indexes.index_new_rows(store, table, "base")


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("no_more", [False, True])
def test_several_queries_at_once_find_what_each_finds(filled, count, no_more):
    store, table, _ = filled
    add(store, table, "z", rows_of(2, 30))
    dataset, queries = store.dataset(table), unit(rows_of(4, 7))[:count]
    addresses = row_addresses(dataset)
    for chosen in (np.ones(ROWS + 30, bool), np.arange(ROWS + 30) % 3 == 0, np.arange(ROWS + 30) < 9):
        how = (40, 2, allowed_rows(addresses, chosen))
        found = nearest_of_each(dataset, "base", queries, *how, no_more=no_more)
        wanted = [nearest(dataset, "base", query, *how, no_more=no_more)[0] for query in queries]
        assert [one.tolist() for one in found] == [one.tolist() for one in wanted]
        assert all(len(one) == min(40, chosen.sum()) for one in found)


def test_several_queries_take_one_search(filled, monkeypatch):
    store, table, _ = filled
    dataset, asked = store.dataset(table), []
    scan = index_search._scan
    monkeypatch.setattr(index_search, "_scan", lambda *args: asked.append(1) or scan(*args))
    nearest_of_each(dataset, "base", unit(rows_of(4, 50)), 10, 8, allowed_rows(row_addresses(dataset)))
    assert asked == [1]


def test_a_deleted_row_is_no_answer(filled):
    store, table, rows = filled
    store.dataset(table).delete("item_id = 'a00007'")
    dataset = store.dataset(table)
    addresses = row_addresses(dataset)
    assert len(addresses) == ROWS - 1
    found, _ = nearest(dataset, "base", rows[7], 5, 8, allowed_rows(addresses))
    assert np.isin(found, addresses).all()


@pytest.mark.parametrize(("metric", "name"), [("l2", "base_ann"), ("dot", "base_ann"), ("cosine", "mine")])
def test_another_tools_index_is_a_conflict(filled, metric, name):
    store, table, _ = filled
    indexes.drop(store, table, "base")
    store.dataset(table).create_index("base", "IVF_SQ", name=name, metric=metric, num_partitions=4)
    with pytest.raises(ConflictError) as caught:
        describe(store.dataset(table), "base")
    assert name in str(caught.value)
    assert "--force" in caught.value.hint
    indexes.drop_all(store, table, "base")
    assert describe(store.dataset(table), "base") is None


def test_an_index_that_is_no_vector_index_is_no_conflict(filled):
    store, table, _ = filled
    store.dataset(table).create_scalar_index("item_kind", "BITMAP")
    assert describe(store.dataset(table), "base").kind == "IVF_SQ"


def test_kinds_that_do_not_fit_are_refused(store):
    table = store.ensure_vectors("odd", 12)
    add(store, table, "a", np.random.default_rng(0).normal(size=(50, 12)).astype(np.float32))
    for kind in ("IVF_RQ", "IVF_PQ"):
        with pytest.raises(InvalidInputError, match="multiple of 8"):
            indexes.build(store, table, "base", kind, np.eye(2, 12, dtype=np.float32))
    with pytest.raises(InvalidInputError, match="IVF_MAGIC"):
        indexes.build(store, table, "base", "IVF_MAGIC", np.eye(2, 12, dtype=np.float32))
    assert [kind for kind in indexes.KINDS if indexes.fits(kind, 12)] == ["IVF_SQ", "IVF_HNSW_SQ"]


def test_writing_a_mapped_column_anew_takes_its_rows_out_of_the_index(filled):
    store, table, _ = filled
    store.upsert("mappers", [{"mapper_id": "m", "encoder": "enc", "mapper": "m"}])

    def mapped(seed):
        def compute(batch):
            return unit(np.random.default_rng(seed).normal(size=(len(batch), DIM))).astype(np.float32)

        store.set_vector_column(table, "mapped_m", compute)

    mapped(1)
    indexes.build(store, table, "mapped_m", "IVF_SQ", unit(rows_of(3, 8)))
    assert describe(store.dataset(table), "mapped_m").unindexed == 0
    mapped(2)
    after = describe(store.dataset(table), "mapped_m")
    assert after is None or after.unindexed == ROWS
    assert describe(store.dataset(table), "base").unindexed == 0


def test_rows_go_to_the_partitions_they_are_assigned_to(store):
    table, rows = store.ensure_vectors("enc", DIM), rows_of(0, ROWS)
    add(store, table, "a", rows)
    centroids = unit(rows[:8])
    wrong = np.full(ROWS, 3, np.uint32)  # all in one partition
    version = int(store.dataset(table).version)
    indexes.build(store, table, "base", "IVF_RQ", centroids, AssignedRows(version, wrong), bits=1)
    everything = np.arange(ROWS)
    found = places(store, table, centroids[3], 5, 1, everything)  # the nearest partition is that one
    assert found[0] == 3
    assert describe(store.dataset(table), "base").rows == ROWS


def test_rows_written_after_they_were_assigned_are_found_and_not_indexed(store):
    table, rows = store.ensure_vectors("enc", DIM), rows_of(0, ROWS)
    add(store, table, "a", rows)
    version = int(store.dataset(table).version)
    late = rows_of(7, 30)
    add(store, table, "b", late)
    centroids = unit(rows[:8])
    assigned = (unit(rows) @ centroids.T).argmax(axis=1).astype(np.uint32)
    indexes.build(store, table, "base", "IVF_SQ", centroids, AssignedRows(version, assigned))
    index = describe(store.dataset(table), "base")
    assert (index.rows, index.unindexed) == (ROWS, 30)
    found = places(store, table, unit(late)[4], 3, 8, np.arange(ROWS + 30))
    assert found[0] == ROWS + 4
    indexes.index_new_rows(store, table, "base")
    index = describe(store.dataset(table), "base")
    assert (index.rows, index.unindexed) == (ROWS + 30, 0)
