"""Features that are stored as float16: searched as they are stored, with and without an index."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.features import Pinned
from attribase.query.search import SearchSpace
from attribase.query.search.index_build import IndexTarget, index_space
from attribase.store import Store
from attribase.store.errors import InvalidInputError

DIM, ROWS = 32, 600


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "half.store")


@pytest.fixture
def features(store):
    rows = np.random.default_rng(3).normal(size=(ROWS, DIM)).astype(np.float16)
    store.upsert("encoders", [{"encoder": "enc", "dim": DIM}])
    table = store.ensure_vectors("enc", DIM, half=True)
    ids = [f"{number:05d}" for number in range(ROWS)]
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), DIM)
    store.upsert(table, pa.table({"item_id": ids, "item_kind": ["image"] * ROWS, "base": column}))
    store.upsert("members", [{"collection": "gallery", "image_id": one} for one in ids])
    return rows.astype(np.float64)


def test_answers_are_those_of_the_stored_numbers(store, features):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    query = (unit[5] + 0.1 * unit[9]).astype(np.float32)
    query /= np.linalg.norm(query)
    expected = unit @ query.astype(np.float64)
    list(index_space(store, "enc", "none", IndexTarget(min_rows=100)))
    space = SearchSpace.open(Pinned.now(store), "enc", "none")
    for method in ("exact", "index"):
        found = space.search(query[None], 10, space.pool(), method=method)
        assert found.method == method
        assert found.rows[0].tolist() == np.argsort(-expected)[:10].tolist()
        assert found.similarities[0] == pytest.approx(np.sort(expected)[::-1][:10], abs=1e-6)


def test_a_table_keeps_its_precision(store):
    table = store.ensure_vectors("enc", DIM, half=True)
    assert store.ensure_vectors("enc", DIM) == table
    assert store.schema(table).field("base").type.value_type == pa.float16()
    store.ensure_vectors("other", DIM)
    with pytest.raises(InvalidInputError, match="float32"):
        store.ensure_vectors("other", DIM, half=True)
