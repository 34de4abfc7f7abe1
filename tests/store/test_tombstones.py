import dataclasses

import pytest
from attribase.store import Store, content_id
from attribase.store import tombstones as module
from attribase.store.columns import utc_now
from attribase.store.tombstones import Tombstone, read_tombstones, write_tombstones

from .gallery import COUNT, IDS, PICTURES, VECTORS, fill, vector_row


@pytest.fixture
def gallery(store):
    return fill(store)


def bury(store, image_id, uri=None, **values):
    write_tombstones(store, [Tombstone(image_id, "image", uri, "opt-out", utc_now(), **values)])


def picture(n, uri):
    return {"image_id": IDS[n], "uri": uri, "bytes": PICTURES[n]}


def test_the_same_bytes_are_kept_out_under_any_uri(store):
    bury(store, IDS[0], "/photos/0.png")
    found = store.removed([picture(0, "/copies/x.png"), picture(1, "/photos/1.png")])
    assert list(found) == [IDS[0]]
    assert found[IDS[0]].reason == "opt-out"


def test_a_reference_to_a_removed_uri_is_kept_out(store):
    bury(store, IDS[0], "/photos/0.png")
    reference = {"image_id": content_id(b"/photos/0.png"), "uri": "/photos/0.png", "bytes": None}
    assert list(store.removed([reference])) == [reference["image_id"]]


def test_another_picture_at_the_path_of_a_removed_one_is_another_picture(store):
    bury(store, IDS[0], "/photos/0.png")
    assert store.removed([picture(1, "/photos/0.png")]) == {}


@pytest.mark.parametrize("removed", [IDS[0], content_id(b"https://a.example/0.png")])
def test_other_bytes_from_a_removed_url_are_kept_out(store, removed):
    bury(store, removed, "https://a.example/0.png")
    assert list(store.removed([picture(1, "https://a.example/0.png")])) == [IDS[1]]


def test_the_bytes_of_a_removed_reference_are_kept_out(store):
    bury(store, content_id(b"/photos/0.png"), "/photos/0.png")
    assert list(store.removed([picture(0, "/photos/0.png")])) == [IDS[0]]


def test_rows_that_name_removed_items_are_not_written(gallery):
    bury(gallery, IDS[0])
    bury(gallery, "gone")
    before = {table: gallery.count(table) for table in gallery.tables()}
    assert gallery.upsert("images", [picture(0, "/x")], update=True) == 0
    gallery.upsert("members", [{"collection": "more", "image_id": IDS[0]}])
    gallery.upsert("vectors_e", [vector_row(IDS[0], VECTORS[0])], update=True)
    gallery.upsert("views_e", [{"item_id": IDS[0], "view": 7, "base": VECTORS[0].tolist()}])
    gallery.upsert("models", [{"model_id": "new", "method": "m", "exemplar_ids": [IDS[1], IDS[0]]}])
    gallery.upsert("samples", [{"sample_id": "new", "model_id": "gone", "bytes": b"x"}])
    gallery.upsert("ranks", [{"run_id": "r", "sample_id": "s", "image_id": IDS[0], "rank": 1}])
    assert {table: gallery.count(table) for table in gallery.tables()} == before
    assert gallery.upsert("members", [{"collection": "more", "image_id": IDS[1]}]) == 1


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("images", {"image_id": "new", "bytes": b"x"}),
        ("members", {"collection": "c", "image_id": "new"}),
        ("vectors_e", vector_row("new", VECTORS[0])),
        ("models", {"model_id": "m2", "method": "m", "exemplar_ids": [IDS[1], "new"]}),
        ("samples", {"sample_id": "new", "model_id": "model"}),
        ("ranks", {"run_id": "r", "sample_id": "sample", "image_id": "new", "rank": 1}),
    ],
)
def test_a_row_committed_while_its_item_is_removed_does_not_stay(gallery, monkeypatch, table, row):
    """The removal comes after the look before the commit, and has purged the table before that commit."""
    count, commit = gallery.count(table), Store.__base__._upsert

    def removed_meanwhile(self, name, rows, *, update):
        if name == table:
            write_tombstones(Store.open(self.uri), [Tombstone("new", "image", None, None, utc_now())])
        return commit(self, name, rows, update=update)

    monkeypatch.setattr(Store.__base__, "_upsert", removed_meanwhile)
    assert gallery.upsert(table, [row]) == 0
    assert gallery.count(table) == count


def test_bytes_that_came_back_for_a_moment_are_to_be_erased_again(gallery, monkeypatch):
    commit = Store.__base__._upsert

    def erased_meanwhile(self, name, rows, *, update):
        if name == "images":
            bury(self, "new", erase=True, erased_at=utc_now())
        return commit(self, name, rows, update=update)

    monkeypatch.setattr(Store.__base__, "_upsert", erased_meanwhile)
    gallery.upsert("images", [{"image_id": "new", "bytes": b"x"}])
    found = read_tombstones(gallery).by_id["new"]
    assert (found.erase, found.erased_at) == (True, None)


def test_a_store_without_removals_reads_no_rows_of_tombstones(gallery, monkeypatch):
    monkeypatch.setattr(module, "_read", None)
    assert read_tombstones(gallery) is module.NONE
    assert gallery.upsert("members", [{"collection": "more", "image_id": IDS[1]}]) == 1


def test_tombstones_are_read_as_they_were_written(store):
    one = Tombstone("a", "model", None, "why", utc_now(), ("b", "c"), erase=True, erased_at=utc_now())
    write_tombstones(store, [one])
    assert read_tombstones(store).by_id == {"a": one}
    write_tombstones(store, [dataclasses.replace(one, reason="other")])
    assert read_tombstones(store).by_id["a"].reason == "other"


def test_rows_of_thousands_of_removed_items_are_deleted(store):
    names = [f"i{n}" for n in range(2500)]
    store.upsert("images", [{"image_id": name} for name in names])
    assert module.delete_named_rows(store, "images", set(names[:2100])) == 2100
    assert store.count("images") == 400
    version = store.dataset("images").version
    assert module.delete_named_rows(store, "images", {"other"}) == 0
    assert store.dataset("images").version == version
    assert COUNT < 400
