"""An image that was removed does not come back with the release that it came from."""

from attribase.ingest.release import ingest_release
from attribase.store import Store
from attribase.store.checks import check
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal

from .official import GALLERY


def test_a_removed_gallery_image_is_a_failure_of_the_next_import(official, tmp_path):
    store = Store.create(tmp_path / "store")
    list(ingest_release(store, official.folder))
    before = {table: store.count(table) for table in store.tables()}
    list(remove(store, plan_removal(store, ids=[GALLERY[0], GALLERY[-1]]), reason="opt-out"))
    after = {table: store.count(table) for table in store.tables()}
    assert after["images"] == before["images"] - 2
    store.dataset("jobs").delete("true")  # as if it were another folder: all is read again
    list(ingest_release(store, official.folder))
    after["jobs"] = before["jobs"]
    after["failures"] = store.count("failures")
    assert {table: store.count(table) for table in store.tables()} == after
    rows = store.read("failures", where="reason = 'removed'").to_pylist()
    assert {row["item"].rpartition(".")[0] for row in rows} == {
        path.rpartition(".")[0] for path in (GALLERY[0], GALLERY[-1])
    }
    assert [one.check for one in check(store) if one.check != "missing-vector"] == []
