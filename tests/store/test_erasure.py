"""After an erasure what was removed is in no file of the store: every byte of every file is searched."""

import json
import os
from datetime import timedelta
from pathlib import Path

import lance
import numpy as np
import pytest
from attribase.store import index_search, indexes
from attribase.store.checks import check
from attribase.store.erasure import erase
from attribase.store.errors import ConflictError
from attribase.store.maintenance import compact
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal
from attribase.store.tombstones import read_tombstones
from lance.fragment import write_fragments

from .gallery import (
    COUNT,
    DIM,
    EXEMPLAR,
    IDS,
    PICTURES,
    SAMPLE,
    SAMPLE_VECTOR,
    VECTORS,
    WEIGHTS,
    files_holding,
    fill,
    picture_run,
    vector_row,
)


@pytest.fixture
def gallery(store):
    return fill(store)


def take_out(store, *numbers, **options):
    list(remove(store, plan_removal(store, ids=[IDS[n] for n in numbers]), erase=True, **options))


def test_the_bytes_are_in_files_until_they_are_erased(gallery):
    take_out(gallery, 3)
    assert files_holding(gallery, picture_run(3))
    assert files_holding(gallery, VECTORS[3].tobytes())
    list(erase(gallery))
    for data in (picture_run(3), VECTORS[3].tobytes(), (-VECTORS[3]).tobytes()):
        assert files_holding(gallery, data) == []
    assert files_holding(gallery, picture_run(4))
    assert files_holding(gallery, VECTORS[4].tobytes())
    assert dict(gallery.blobs("images", "bytes", [IDS[4]])) == {IDS[4]: PICTURES[4]}
    assert read_tombstones(gallery).by_id[IDS[3]].erased_at is not None
    assert check(gallery, read_bytes=False) == []


def test_weights_samples_and_their_vectors_are_erased_too(gallery):
    take_out(gallery, EXEMPLAR, models=True)
    list(erase(gallery))
    for data in (picture_run(EXEMPLAR), WEIGHTS[1000:1064], SAMPLE[1000:1064], SAMPLE_VECTOR.tobytes()):
        assert files_holding(gallery, data) == []


def test_bytes_that_an_update_replaced_before_are_erased(gallery):
    old = np.random.default_rng(7).bytes(3000)
    gallery.upsert("images", [{"image_id": IDS[3], "bytes": old}], update=True)
    gallery.upsert("images", [{"image_id": IDS[3], "bytes": PICTURES[3]}], update=True)
    take_out(gallery, 3)
    list(erase(gallery))
    assert files_holding(gallery, picture_run(3)) == files_holding(gallery, old[1000:1064]) == []


def test_mapped_vectors_are_erased(gallery):
    gallery.upsert("mappers", [{"mapper_id": "1", "encoder": "e", "mapper": "tuned"}])

    def double(batch):
        return 2 * batch["base"].flatten().to_numpy().reshape(-1, DIM)

    gallery.set_vector_column("vectors_e", "mapped_tuned", double)
    assert files_holding(gallery, (2 * VECTORS[3]).tobytes())
    take_out(gallery, 3)
    list(erase(gallery))
    assert files_holding(gallery, (2 * VECTORS[3]).tobytes()) == []
    assert files_holding(gallery, (2 * VECTORS[4]).tobytes())


@pytest.mark.parametrize("kind", indexes.KINDS)
def test_an_index_returns_no_removed_row_and_is_written_anew(gallery, kind):
    rng = np.random.default_rng(0)
    more = rng.standard_normal((600, DIM)).astype(np.float32)
    gallery.upsert("vectors_e", [vector_row(f"more{n}", vector) for n, vector in enumerate(more)])
    centroids = VECTORS[:4] / np.linalg.norm(VECTORS[:4], axis=1, keepdims=True)
    indexes.build(gallery, "vectors_e", "base", kind, centroids)
    before = {path.name for path in Path(gallery.uri, "vectors_e.lance", "_indices").iterdir()}

    def nearest():
        dataset = gallery.dataset("vectors_e")
        allowed = index_search.allowed_rows(index_search.row_addresses(dataset))
        rows, _ = index_search.nearest(dataset, "base", VECTORS[3], 5, 4, allowed)
        found = dataset.scanner(columns=["item_id"], with_row_id=True).to_table().to_pylist()
        ids = {row["_rowid"]: row["item_id"] for row in found}
        return [ids[row] for row in rows.tolist()]

    assert nearest()[0] == IDS[3]
    take_out(gallery, 3)
    assert IDS[3] not in nearest()
    list(erase(gallery))
    after = {path.name for path in Path(gallery.uri, "vectors_e.lance", "_indices").iterdir()}
    assert before.isdisjoint(after)
    assert len(nearest()) == 5
    assert IDS[3] not in nearest()
    found = indexes.describe(gallery.dataset("vectors_e"), "base")
    assert (found.rows, found.unindexed) == (COUNT + 600, 0)


def test_tags_of_versions_that_hold_it_are_named_and_nothing_is_deleted(gallery):
    gallery.tag("before")
    take_out(gallery, 3)
    gallery.tag("between")  # no row of it there, but its files still are
    versions = [len(gallery.dataset(table).versions()) for table in gallery.tables()]
    with pytest.raises(ConflictError, match="before, between") as caught:
        list(erase(gallery))
    assert "--delete-tags" in caught.value.hint
    assert versions == [len(gallery.dataset(table).versions()) for table in gallery.tables()]
    list(erase(gallery, delete_tags=True))
    assert gallery.tags() == []
    assert files_holding(gallery, picture_run(3)) == []


def test_tags_of_versions_that_never_held_it_stay(store):
    store.upsert("images", [{"image_id": "early", "bytes": b"early"}])
    store.tag("early")
    fill(store)
    take_out(store, 3)
    list(erase(store))
    assert [tag.name for tag in store.tags()] == ["early"]
    assert store.dataset("images", store.tags()[0].versions["images"]).count_rows() == 1


def test_versions_that_results_name_are_kept_only_without_it(store):
    store.upsert("images", [{"image_id": "early", "bytes": b"early"}])
    early = store.dataset("images").version
    fill(store)
    held = store.dataset("images").version
    named = [{"images": early}, {"images": held}]
    rows = [
        {"run_id": str(n), "encoder": "e", "mapper": "none", "table_versions": json.dumps(versions)}
        for n, versions in enumerate(named)
    ]
    store.upsert("runs", rows)
    list(compact(store, keep=timedelta(0)))
    take_out(store, 3)
    list(erase(store))
    assert files_holding(store, picture_run(3)) == []
    left = {found["version"] for found in store.dataset("images").versions()}
    assert early in left
    assert held not in left


def test_an_erasure_killed_while_it_deletes_the_files_of_a_version_is_finished_by_the_next(
    gallery, monkeypatch
):
    dataset = gallery.dataset("images")
    named = {
        "run_id": "r",
        "encoder": "e",
        "mapper": "none",
        "table_versions": json.dumps({"images": dataset.version}),
    }
    gallery.upsert("runs", [named])
    list(compact(gallery, keep=timedelta(0)))
    take_out(gallery, 3)

    def killed_in_cleanup(table, **options):
        del options
        if Path(str(table.uri)).name == "images.lance":
            Path(str(table.uri), "data", next(iter(held))).unlink()
            raise KeyboardInterrupt

    held = {file.path for one in dataset.get_fragments() for file in one.metadata.files}
    with monkeypatch.context() as patched:
        patched.setattr(lance.LanceDataset, "cleanup_old_versions", killed_in_cleanup)
        with pytest.raises(KeyboardInterrupt):
            list(erase(gallery))
    list(erase(gallery))
    assert files_holding(gallery, picture_run(3)) == []
    assert dict(gallery.blobs("images", "bytes", [IDS[4]])) == {IDS[4]: PICTURES[4]}
    assert check(gallery, read_bytes=False) == []


def orphan(store, rows):
    """A file that a killed writer left: written, named by no version."""
    before = set(Path(store.uri, "images.lance", "data").iterdir())
    dataset = store.dataset("images")
    table = lance.dataset(dataset.uri).schema.empty_table().to_pylist()
    assert table == []
    import pyarrow as pa

    write_fragments(pa.Table.from_pylist(rows, dataset.schema), dataset, mode="append")
    (path,) = set(Path(store.uri, "images.lance", "data").iterdir()) - before
    return path


def test_a_young_file_of_an_unfinished_write_that_holds_it_is_reported(gallery):
    path = orphan(gallery, [{"image_id": IDS[3], "bytes": PICTURES[3]}])
    other = orphan(gallery, [{"image_id": "other", "bytes": b"other"}])
    take_out(gallery, 3)
    with pytest.raises(ConflictError, match=path.name) as caught:
        list(erase(gallery))
    assert "--exclusive" in caught.value.hint
    assert path.exists()
    assert read_tombstones(gallery).by_id[IDS[3]].erased_at is None
    list(erase(gallery, grace=timedelta(0)))
    assert (path.exists(), other.exists()) == (False, False)
    assert files_holding(gallery, picture_run(3)) == []
    assert read_tombstones(gallery).by_id[IDS[3]].erased_at is not None


def test_an_old_file_of_an_unfinished_write_is_deleted(gallery):
    path = orphan(gallery, [{"image_id": IDS[3], "bytes": PICTURES[3]}])
    os.utime(path, (0, 0))
    take_out(gallery, 3)
    list(erase(gallery))
    assert not path.exists()


def test_a_file_that_was_cut_off_may_hold_it(gallery):
    path = orphan(gallery, [{"image_id": "other", "bytes": PICTURES[3]}])
    path.write_bytes(path.read_bytes()[:2000])
    take_out(gallery, 3)
    with pytest.raises(ConflictError, match=path.name):
        list(erase(gallery))


@pytest.mark.parametrize("steps", range(10))
def test_an_erasure_cut_off_after_any_step_is_finished_by_the_next(gallery, steps):
    take_out(gallery, 3)
    working = erase(gallery)
    for _, _ in zip(range(steps), working, strict=False):
        pass
    working.close()
    list(erase(gallery))
    assert files_holding(gallery, picture_run(3)) == []
    assert files_holding(gallery, VECTORS[3].tobytes()) == []
    assert dict(gallery.blobs("images", "bytes", [IDS[4]])) == {IDS[4]: PICTURES[4]}
    assert list(erase(gallery)) == []


def test_what_was_removed_earlier_is_erased_when_asked_later(gallery):
    list(remove(gallery, plan_removal(gallery, ids=[IDS[3]])))
    assert list(erase(gallery)) == []
    take_out(gallery, 4)
    list(erase(gallery))
    assert files_holding(gallery, picture_run(3)) == files_holding(gallery, picture_run(4)) == []
