"""An index built in segments: what it returns, and what Lance's own merge of them loses."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.store import InvalidInputError, index_search, indexes
from attribase.store.ids import key_id
from attribase.store.index_segments import build_segment, commit_segments, fragment_groups

DIM, ROWS, CENTRES = 32, 4000, 16
TABLE, COLUMN = "vectors_tiny", "base"


@pytest.fixture
def vectors(store):
    """(rows, dim) unit vectors in clusters, stored in four fragments, longer."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(40, DIM))
    raw = (middles[rng.integers(0, 40, ROWS)] + 0.3 * rng.normal(size=(ROWS, DIM))).astype(np.float32)
    store.ensure_vectors("tiny", DIM)
    for start in range(0, ROWS, ROWS // 4):
        block = raw[start : start + ROWS // 4]
        store.upsert(
            TABLE,
            pa.table(
                {
                    "item_id": [key_id(n) for n in range(start, start + len(block))],
                    "item_kind": ["image"] * len(block),
                    "base": pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), DIM),
                }
            ),
        )
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def recall(store, vectors, refine=1, probes=CENTRES):
    """Of the ten nearest to some rows, how many are among the `10 * refine` that a search returns."""
    dataset = store.dataset(TABLE)
    addresses = index_search.row_addresses(dataset)
    allowed = index_search.allowed_rows(addresses)
    found = 0
    for query in vectors[::100]:
        near, _ = index_search.nearest(dataset, COLUMN, query, 10 * refine, probes, allowed)
        exact = addresses[np.argsort(-(vectors @ query), kind="stable")[:10]]
        found += len(set(near.tolist()) & set(exact.tolist()))
    return found / (10 * len(vectors[::100]))


def segments(store, vectors, kind):
    version = store.dataset(TABLE).version
    groups = fragment_groups(store, TABLE, version, 2)
    assert [len(group) for group in groups] == [2, 2]
    centres = vectors[:: ROWS // CENTRES]
    return [build_segment(store, TABLE, version, COLUMN, kind, centres, group) for group in groups]


@pytest.mark.parametrize("kind", ["IVF_SQ", "IVF_RQ"])
def test_segments_find_what_one_index_finds(store, vectors, kind):
    indexes.build(store, TABLE, COLUMN, kind, vectors[:: ROWS // CENTRES])
    assert recall(store, vectors, 4) >= 0.99
    commit_segments(store, TABLE, COLUMN, segments(store, vectors, kind))
    index = indexes.describe(store.dataset(TABLE), COLUMN)
    assert (index.kind, index.rows, index.unindexed, index.segments) == (kind, ROWS, 0, 2)
    assert recall(store, vectors, 4) >= 0.99


def test_segments_that_lance_merges_lose_recall(store, vectors):
    commit_segments(store, TABLE, COLUMN, segments(store, vectors, "IVF_SQ"))
    apart = recall(store, vectors, probes=CENTRES // 2)
    merged = store.dataset(TABLE).merge_existing_index_segments(segments(store, vectors, "IVF_SQ"))
    commit_segments(store, TABLE, COLUMN, [merged])
    assert recall(store, vectors, probes=CENTRES // 2) < apart - 0.1


def test_rows_of_after_the_build_are_not_lost(store, vectors):
    parts = segments(store, vectors, "IVF_SQ")
    late = pa.table(
        {
            "item_id": [key_id("late")],
            "item_kind": ["image"],
            "base": pa.FixedSizeListArray.from_arrays(pa.array(-vectors[0]), DIM),
        }
    )
    store.upsert(TABLE, late)
    commit_segments(store, TABLE, COLUMN, parts)
    index = indexes.describe(store.dataset(TABLE), COLUMN)
    assert (index.rows, index.unindexed) == (ROWS, 1)
    dataset = store.dataset(TABLE)
    addresses = index_search.row_addresses(dataset)
    allowed = index_search.allowed_rows(addresses)
    near, _ = index_search.nearest(dataset, COLUMN, -vectors[0], 1, 1, allowed)
    assert near.tolist() == [addresses[-1]]


def test_a_kind_without_segments_is_refused(store, vectors):
    with pytest.raises(InvalidInputError, match="IVF_PQ cannot be built on a cluster") as error:
        segments(store, vectors, "IVF_PQ")
    assert "leave --ray out" in error.value.hint


@pytest.mark.usefixtures("vectors")
def test_groups_of_fragments_are_about_as_large(store):
    version = store.dataset(TABLE).version
    assert len(fragment_groups(store, TABLE, version, 9)) == 4
    assert len(fragment_groups(store, TABLE, version, 1)) == 1
    assert [one for group in fragment_groups(store, TABLE, version, 3) for one in group] == [
        one.fragment_id for one in store.dataset(TABLE).get_fragments()
    ]
