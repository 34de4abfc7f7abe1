"""The file of pools beside an index: used where it is of these versions, and then right."""

import numpy as np
import pytest
from attribase.query.features import FeatureReader, Pinned
from attribase.query.search import SearchSpace
from attribase.query.search.pool_members import POOLS
from attribase.query.search.stored_pools import parts_of_file
from attribase.runtime.moments import ids_digest
from attribase.store import indexes
from attribase.store.index_search import allowed_rows, row_addresses
from attribase.store.maintenance import compact

from .conftest import ENCODER, clustered, copy_of, table_of

ABSTENTION = {
    "abstention_id": "a",
    "encoder": ENCODER,
    "mapper": "none",
    "model_ids": ["m"],
    "scores": "[]",
    "pool_size": 1,
    "pool_digest": "",
    "mapper_digest": "none",
}


@pytest.fixture(scope="module")
def stored_once(large_once, tmp_path_factory):
    """Samples before images in the table, an exemplar not in the gallery, an image in no pool, an index."""
    large = copy_of(large_once, tmp_path_factory.mktemp("pools") / "a.store")
    large.store.upsert("vectors_enc", table_of(["first"], "sample", clustered(1, 3)))
    large.store.upsert("vectors_enc", table_of(["exemplar", "nowhere"], "image", clustered(2, 4)))
    model = {"model_id": "m2", "method": "lora", "split": "test", "exemplar_ids": ["exemplar", "unembedded"]}
    large.store.upsert("models", [model])
    large.index(kind="IVF_SQ")
    return large


@pytest.fixture
def stored(stored_once, tmp_path):
    """A copy that a test may change."""
    return copy_of(stored_once, tmp_path / "a.store")


def assert_pools(space: SearchSpace, *, stored: bool, later: int = 0) -> None:
    """The pools are those that the ids of all images give; `later` rows came after the file."""
    assert bool(space.pools.stored) == stored
    addresses = row_addresses(space.dataset)
    for name in POOLS:
        found, wanted = space.pool(name), space.pools.read(name)
        assert found.mask.tolist() == wanted.mask.tolist()
        assert (found.size, found.missing, found.total) == (wanted.size, wanted.missing, wanted.total)
        assert (found.allowed is not None) == (stored and not later)
        chosen = np.isin(np.arange(len(addresses)), space.rows.positions[wanted.mask])
        assert found.allowed in (None, allowed_rows(addresses, chosen))
        assert space.open_index()._allowed_rows(found) == allowed_rows(addresses, chosen)


def test_pools_come_from_the_file_and_read_no_ids(stored):
    space = stored.space
    pools = [space.pool(name) for name in POOLS]
    (answer,) = space.search(stored.unit[:1], 5, pools[0], method="index").rows
    assert not space._features.has_ids
    assert space.rows.ids_of(answer) == stored.best(stored.unit[0], 5)
    assert [pool.missing for pool in pools] == [1, 0]
    assert [pool.size for pool in pools] == [3951, 3900]
    assert_pools(space, stored=True)


def test_the_digest_of_the_pool_that_abstention_was_trained_on_is_stored(stored):
    stored.store.upsert("abstentions", [ABSTENTION])
    _add_member(stored)
    stored.index(kind="IVF_SQ")
    space = stored.space
    everything = space.pool()
    assert everything.digest is not None
    assert space.pool("gallery").digest is None
    assert everything.digest == ids_digest(space.ids.filter(everything.mask))


def test_indexing_again_writes_nothing_where_the_file_is_of_these_versions(stored):
    assert stored.index(kind="IVF_SQ") == []


def test_a_condition_is_evaluated_as_without_the_file(stored):
    late = stored.add("late", clustered(3, 8))
    stored.index(kind="IVF_SQ")
    space = stored.space
    assert space.pools.stored
    pool = space.pool("all", "creator = 'late'")
    assert [space.ids[int(row)].as_py() for row in np.flatnonzero(pool.mask)] == late


def test_samples_that_came_later_change_no_pool(stored):
    stored.store.upsert("vectors_enc", table_of(["late-a", "late-b"], "sample", clustered(2, 5)))
    space = stored.space
    assert_pools(space, stored=True, later=2)
    nearest = space.search(space.sample_vectors(["late-a"]), 3, space.pool(), method="index")
    assert space.rows.ids_of(nearest.rows[0]) == stored.best(space.sample_vectors(["late-a"])[0], 3)
    assert space.sample_vectors(["late-b"]).shape == (1, space.dim)
    assert not np.isnan(space.sample_vectors(["first", "late-b"])).any()


def _add_image(large):
    large.store.upsert("vectors_enc", table_of(["unembedded"], "image", clustered(1, 6)))


def _add_member(large):
    large.store.upsert("members", [{"collection": "gallery", "image_id": "nowhere"}])


def _add_model(large):
    large.store.upsert(
        "models", [{"model_id": "m3", "method": "lora", "split": "val", "exemplar_ids": ["nowhere"]}]
    )


def _change_exemplars(large):
    row = {"model_id": "m2", "method": "lora", "split": "test", "exemplar_ids": ["nowhere"]}
    large.store.upsert("models", [row], update=True)


def _remove_vector(large):
    large.store.dataset("vectors_enc").delete(f"item_id = '{large.ids[17]}'")


def _remove_member(large):
    large.store.dataset("members").delete(f"image_id = '{large.ids[17]}'")


def _compact(large):
    large.store.upsert("members", [{"collection": "other", "image_id": large.ids[0]}])
    list(compact(large.store))


def _damage(large):
    path = large.store.file(*parts_of_file(ENCODER))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _cut(large):
    path = large.store.file(*parts_of_file(ENCODER))
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize(
    "change",
    [
        _add_image,
        _add_member,
        _add_model,
        _change_exemplars,
        _remove_vector,
        _remove_member,
        _compact,
        _damage,
        _cut,
    ],
)
def test_where_the_file_is_of_other_versions_or_damaged_the_ids_are_read(stored, change):
    change(stored)
    assert_pools(stored.space, stored=False)
    stored.index(kind="IVF_SQ")
    assert_pools(stored.space, stored=True)


def test_an_earlier_version_is_read_without_the_file_of_a_later_one(stored):
    before = Pinned.now(stored.store)
    _add_member(stored)
    stored.index(kind="IVF_SQ")
    space = SearchSpace.open(before, ENCODER, "none")
    assert_pools(space, stored=False)
    assert space.pool("gallery").size == stored.space.pool("gallery").size - 1


def test_without_an_index_there_is_no_file(large):
    assert large.index(min_rows=100_000) == []
    assert not large.space.pools.stored
    assert not large.store.file(*parts_of_file(ENCODER)).exists()


def test_a_dropped_index_takes_its_pools_along(stored):
    indexes.drop_all(stored.store, "vectors_enc", "base")
    assert not stored.space.pools.stored
    assert FeatureReader(Pinned.now(stored.store), ENCODER).dim == stored.space.dim
