"""Pools of many images are found by a join on disk, and are those that are found in memory."""

import pyarrow as pa
import pytest
from attribase.query.search import pool_members
from attribase.query.search.pool_members import POOLS
from attribase.store.errors import ConflictError, InvalidInputError

from .conftest import clustered, table_of


@pytest.fixture
def mixed(large):
    """Samples between images, members and exemplars without a vector, in the gallery and outside of it."""
    large.store.upsert("vectors_enc", table_of(["late-sample"], "sample", clustered(1, 3)))
    large.store.upsert("vectors_enc", table_of(["exemplar", "nowhere"], "image", clustered(2, 4)))
    large.store.upsert("members", [{"collection": "gallery", "image_id": f"lost{n}"} for n in range(3)])
    exemplars = ["exemplar", "lost1", "unembedded", large.ids[5]]
    large.store.upsert(
        "models", [{"model_id": "m2", "method": "lora", "split": "test", "exemplar_ids": exemplars}]
    )
    return large


def found(large, name):
    members = large.space.pools.members(name)
    return members.mask.tolist(), sorted(members.without_vector.to_pylist())


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("block", [7, 1 << 16])
def test_joined_members_are_those_that_are_compared_in_memory(mixed, monkeypatch, name, block):
    mask, missing = found(mixed, name)
    assert sum(mask) == {"all": 3951, "gallery": 3900}[name]
    assert (
        missing
        == {"all": ["lost0", "lost1", "lost2", "unembedded"], "gallery": ["lost0", "lost1", "lost2"]}[name]
    )
    monkeypatch.setattr(pool_members, "JOINED_ROWS", 100)
    monkeypatch.setattr(pool_members, "BATCH_ROWS", block)
    monkeypatch.setattr(pool_members, "gallery_ids", lambda _: pytest.fail("read into memory"))
    assert found(mixed, name) == (mask, missing)
    space = mixed.space
    assert not space.rows.has_ids
    assert (space.pool(name).size, space.pool(name).missing) == (sum(mask), len(missing))
    assert not space.rows.has_ids


def test_a_condition_narrows_joined_members_too(mixed, monkeypatch):
    wanted = mixed.space.pool("all", "license = 'MIT'")
    monkeypatch.setattr(pool_members, "JOINED_ROWS", 100)
    joined = mixed.space.pool("all", "license = 'MIT'")
    assert joined.mask.tolist() == wanted.mask.tolist()
    assert (joined.size, joined.missing) == (wanted.size, wanted.missing)


@pytest.mark.parametrize("rows", [100, 100_000])
def test_an_empty_gallery_and_another_name_are_errors(large, monkeypatch, rows):
    monkeypatch.setattr(pool_members, "JOINED_ROWS", rows)
    with pytest.raises(InvalidInputError, match="no pool 'galery'"):
        large.space.pool("galery")
    large.store.dataset("members").delete("collection = 'gallery'")
    for name in POOLS:
        with pytest.raises(ConflictError, match="the gallery is empty"):
            large.space.pool(name)


def test_a_join_that_is_larger_than_its_memory_spills_and_leaves_nothing(large, monkeypatch, tmp_path):
    monkeypatch.setattr(pool_members, "JOINED_ROWS", 100)
    monkeypatch.setattr(pool_members, "JOIN_MEMORY", "40MB")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    ids = [f"{n:06}" + "x" * 200 for n in range(60_000)]
    batch = pa.record_batch([pa.array(ids)], names=["image_id"])
    monkeypatch.setattr(
        pool_members, "gallery_batches", lambda *_: pa.RecordBatchReader.from_batches(batch.schema, [batch])
    )
    assert len(large.space.pools.members("gallery").without_vector) == 60_000
    assert list(folder.iterdir()) == []
