"""Moments of a gallery against what numpy says of all its similarities."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.runtime import LinearMapper, MapperPair, normalise
from attribase.runtime.mapper import fill_column, vector_array
from attribase.runtime.moments import (
    BLOCK,
    LEAST_SPREAD,
    compute_moments,
    embedded_gallery,
    ensure_moments,
    ids_digest,
    load_moments,
)
from attribase.store import Store, key_id
from attribase.store.errors import DataError, InvalidInputError

DIM = 6


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, DIM)).astype(np.float32) + 2


@pytest.fixture
def store(tmp_path, rows) -> Store:
    store = Store.create(tmp_path / "store")
    ids = [f"i{n:02}" for n in range(len(rows))]
    members = [{"collection": "gallery", "image_id": item} for item in ids[:30]]
    store.upsert("members", [*members, {"collection": "gallery", "image_id": "without-vector"}])
    write_vectors(store, ids, rows)
    return store


def write_vectors(store: Store, ids: list[str], rows: np.ndarray) -> None:
    table = store.ensure_vectors("made", DIM)
    columns = {"item_id": ids, "item_kind": ["image"] * len(ids), "base": vector_array(rows)}
    store.upsert(table, pa.table(columns))


def test_mean_and_spread_are_those_of_all_similarities(store, rows):
    queries = normalise(np.random.default_rng(1).normal(size=(5, DIM)))
    mean, spread = ensure_moments(store, "made", "none").spread(queries)
    similarities = queries.astype(np.float64) @ normalise(rows[:30]).T
    assert mean == pytest.approx(similarities.mean(axis=1), abs=1e-7)
    assert spread == pytest.approx(similarities.std(axis=1), rel=1e-6)


def test_moments_do_not_depend_on_blocks():
    """All rows point into about one direction, where sums of squares lose their digits."""
    rows = normalise(np.random.default_rng(0).normal(size=(999, DIM)) * 1e-3 + 1)
    mean, covariance, count = compute_moments(np.split(rows, [1, 7, 7, 500]))
    assert count == 999
    assert mean == pytest.approx(rows.astype(np.float64).mean(axis=0), abs=1e-12)
    assert covariance == pytest.approx(np.cov(rows.astype(np.float64).T, bias=True), rel=1e-7, abs=1e-15)


def test_a_mapper_has_moments_of_its_own_vectors(store, rows):
    weight = np.random.default_rng(2).normal(size=(DIM, DIM)).astype(np.float32)
    pair = MapperPair(*[LinearMapper(weight, np.ones(DIM, np.float32))] * 2)
    row = {"mapper_id": key_id("made", "m"), "encoder": "made", "mapper": "m", "weights": pair.to_bytes()}
    store.upsert("mappers", [row])
    fill_column(store, "made", "m", pair)
    raw, mapped = ensure_moments(store, "made", "none"), ensure_moments(store, "made", "m")
    assert mapped.mean == pytest.approx(pair.real(rows[:30]).astype(np.float64).mean(axis=0), abs=1e-7)
    assert raw.mapper_digest == "none" != mapped.mapper_digest
    assert store.count("gallery_moments") == 2


def test_they_are_stored_once_and_read_back(store):
    assert load_moments(store, "made", "none") is None
    first = ensure_moments(store, "made", "none")
    version = store.versions()["gallery_moments"]
    again = ensure_moments(store, "made", "none")
    assert store.versions()["gallery_moments"] == version
    loaded = load_moments(store, "made", "none")
    for one in (again, loaded):
        assert np.array_equal(one.mean, first.mean)
        assert np.array_equal(one.covariance, first.covariance)
        assert (one.count, one.digest, one.gallery) == (30, first.digest, "gallery")


def test_a_grown_gallery_has_another_digest_and_is_computed_again(store):
    before = ensure_moments(store, "made", "none")
    store.upsert("members", [{"collection": "gallery", "image_id": "i30"}])
    after = ensure_moments(store, "made", "none")
    assert (before.count, after.count) == (30, 31)
    assert before.digest != after.digest == ids_digest(embedded_gallery(store, "made"))


def test_a_digest_does_not_depend_on_order():
    ids = [f"{n}" for n in range(BLOCK + 10)]
    assert ids_digest(pa.array(ids)) == ids_digest(pa.array(ids[::-1]))
    assert ids_digest(pa.array(ids)) != ids_digest(pa.array(ids[1:]))
    assert ids_digest(pa.array(["ab", "c"])) != ids_digest(pa.array(["a", "bc"]))


def test_equal_vectors_have_the_least_spread():
    moments = compute_moments([np.ones((4, DIM), np.float32) / np.sqrt(np.float32(DIM))])
    assert np.allclose(moments[1], 0)


def test_the_spread_of_a_gallery_of_one_image_is_not_zero(store, rows):
    store.upsert("members", [{"collection": "one", "image_id": "i00"}])
    moments = ensure_moments(store, "made", "none", "one")
    assert moments.spread(normalise(rows[:2]))[1].tolist() == [LEAST_SPREAD] * 2


def test_vectors_of_another_length_are_refused(store):
    with pytest.raises(InvalidInputError, match="6 dimensions"):
        ensure_moments(store, "made", "none").spread(np.ones((1, DIM + 1)))


def test_an_empty_gallery_or_an_unknown_mapper_is_an_error(store):
    with pytest.raises(InvalidInputError, match="no vectors"):
        ensure_moments(store, "made", "none", "empty")
    with pytest.raises(InvalidInputError, match="no mapper"):
        ensure_moments(store, "made", "unknown")


def test_broken_moments_are_an_error(store):
    ensure_moments(store, "made", "none")
    columns = [name for name in store.schema("gallery_moments").names if name != "moments"]
    row = store.read("gallery_moments", columns).to_pylist()[0] | {"moments": b"broken"}
    store.upsert("gallery_moments", [row], update=True)
    with pytest.raises(DataError, match="broken"):
        load_moments(store, "made", "none")
