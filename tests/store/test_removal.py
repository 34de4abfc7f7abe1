import signal
from datetime import timedelta

import pytest
from attribase.store import Store, content_id
from attribase.store.checks import check
from attribase.store.erasure import erase
from attribase.store.errors import ConflictError, NotFoundError
from attribase.store.removal import purge, readmit, remove
from attribase.store.removal_plan import plan_removal
from attribase.store.tombstones import item_columns, read_tombstones

from .gallery import COUNT, EXEMPLAR, IDS, PICTURES, SHARED, VECTORS, files_holding, fill, vector_row
from .writer import payload


@pytest.fixture
def gallery(store):
    return fill(store)


def named(store):
    """Every image, model and sample that a row of any table names."""
    found = set()
    for table in store.tables():
        for column in item_columns(table):
            for value in store.read(table, [column])[column].to_pylist():
                found.update(value if isinstance(value, list) else [value])
    return found


def test_a_removed_image_is_named_by_no_row(gallery):
    list(remove(gallery, plan_removal(gallery, where="creator = 'Jane Doe'"), reason="opt-out"))
    assert named(gallery) == {*IDS, "model", "sample"} - {IDS[3], IDS[4]}
    stones = read_tombstones(gallery).by_id
    assert {one.item_id: (one.item_kind, one.uri, one.reason, one.erase) for one in stones.values()} == {
        IDS[3]: ("image", "/photos/3.png", "opt-out", False),
        IDS[4]: ("image", "/photos/4.png", "opt-out", False),
    }
    assert check(gallery, read_bytes=False) == []


def test_strong_views_go_with_their_image_and_cannot_come_back(gallery):
    table = gallery.ensure_views("e", len(VECTORS[0]), "strong")
    rows = [{"item_id": one, "view": 0, "base": VECTORS[0].tolist()} for one in (IDS[2], IDS[3])]
    gallery.upsert(table, rows)
    list(remove(gallery, plan_removal(gallery, where="creator = 'Jane Doe'")))
    assert gallery.read(table)["item_id"].to_pylist() == [IDS[2]]
    gallery.upsert(table, rows)
    assert gallery.count(table) == 1


def test_images_that_models_were_made_from_are_refused_untouched(gallery):
    before = gallery.versions()
    with pytest.raises(ConflictError, match="1 models with 1 samples") as caught:
        list(remove(gallery, plan_removal(gallery, ids=[IDS[EXEMPLAR]])))
    assert "--models" in caught.value.hint
    assert gallery.versions() == before


def test_models_and_their_samples_go_with_an_exemplar_when_asked(gallery):
    list(remove(gallery, plan_removal(gallery, ids=[IDS[EXEMPLAR]]), models=True))
    assert named(gallery) == set(IDS) - {IDS[EXEMPLAR]}
    assert (gallery.count("ranks"), gallery.count("models"), gallery.count("samples")) == (0, 0, 0)
    assert read_tombstones(gallery).by_id["sample"].made_from == (IDS[EXEMPLAR],)


def test_leaving_a_collection_removes_no_image_of_another_one(gallery):
    others = [one for one in IDS if one != IDS[EXEMPLAR]]
    list(remove(gallery, plan_removal(gallery, collection="gallery", ids=others)))
    assert gallery.read("images", ["image_id"])["image_id"].to_pylist() == [IDS[EXEMPLAR], IDS[SHARED]]
    assert sorted(gallery.read("members").to_pylist(), key=str) == [
        {"collection": "exemplars", "image_id": IDS[SHARED]},
        {"collection": "gallery", "image_id": IDS[EXEMPLAR]},
    ]
    assert IDS[SHARED] not in read_tombstones(gallery).by_id
    assert len(read_tombstones(gallery).by_id) == COUNT - 2


@pytest.mark.parametrize("steps", range(9))
def test_a_removal_cut_off_after_any_step_is_finished_by_the_next(gallery, steps):
    working = remove(gallery, plan_removal(gallery, ids=[IDS[EXEMPLAR], IDS[3]]), models=True)
    for _, _ in zip(range(steps), working, strict=False):
        pass
    working.close()
    if steps:
        stones = read_tombstones(gallery).by_id.keys()
        assert stones == {IDS[EXEMPLAR], IDS[3], "model", "sample"}
    again = plan_removal(gallery, ids=[IDS[EXEMPLAR], IDS[3]])
    list(remove(gallery, again, models=True))
    assert named(gallery) == set(IDS) - {IDS[EXEMPLAR], IDS[3]}
    assert check(gallery, read_bytes=False) == []


def test_removing_again_changes_nothing(gallery):
    list(remove(gallery, plan_removal(gallery, ids=[IDS[3]]), reason="first"))
    before = gallery.versions()
    list(remove(gallery, plan_removal(gallery, ids=[IDS[3]]), reason="second"))
    list(purge(gallery))
    assert gallery.versions() == before
    assert read_tombstones(gallery).by_id[IDS[3]].reason == "first"


def test_a_readmitted_image_can_be_written_again_with_what_was_made_from_it(gallery):
    list(remove(gallery, plan_removal(gallery, ids=[IDS[EXEMPLAR], IDS[3]]), models=True))
    assert readmit(gallery, [IDS[EXEMPLAR]]) == [IDS[EXEMPLAR]]
    assert read_tombstones(gallery).by_id.keys() == {IDS[3]}
    fill(gallery)
    assert named(gallery) == {*IDS, "model", "sample"} - {IDS[3]}
    assert readmit(gallery, ["/photos/3.png"]) == [IDS[3]]
    with pytest.raises(NotFoundError, match="'nothing'"):
        readmit(gallery, ["nothing"])


def test_a_model_of_two_removed_images_comes_back_with_the_last(gallery):
    pair = {"model_id": "pair", "method": "m", "exemplar_ids": [IDS[0], IDS[1]]}
    gallery.upsert("models", [pair])
    list(remove(gallery, plan_removal(gallery, ids=[IDS[0], IDS[1]]), models=True))
    readmit(gallery, [IDS[0]])
    assert gallery.upsert("models", [pair]) == 0
    readmit(gallery, [IDS[1]])
    assert gallery.upsert("models", [pair]) == 1


def test_no_row_comes_back_from_a_writer_at_the_same_time(tmp_path, start):
    count, removed = 40, 12
    store = Store.create(tmp_path / "store")
    children = start(store.uri, ("images", count, 1), ("images", count, 3), ("take_out", removed))
    assert [child.wait(120) for child in children] == [0, 0, 0]
    ids = [content_id(payload(n)) for n in range(count)]
    assert set(store.read("images", ["image_id"])["image_id"].to_pylist()) == set(ids[removed:])
    assert set(read_tombstones(store).by_id) == set(ids[:removed])
    list(erase(store, grace=timedelta(0)))
    for n in range(removed):
        assert files_holding(store, payload(n)[1000:1064]) == []
    assert files_holding(store, payload(removed)[1000:1064])


@pytest.mark.parametrize("lines", [1, 5, 9])
def test_a_removal_killed_leaves_no_bytes_without_a_record_and_goes_on(tmp_path, start, lines):
    store = Store.create(tmp_path / "store")
    ids = [content_id(payload(n)) for n in range(6)]
    store.upsert("images", [{"image_id": one, "bytes": payload(n)} for n, one in enumerate(ids)])
    (child,) = start(store.uri, ("take_out", 3))
    for _ in range(lines):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait(60)
    gone = set(ids) - set(store.read("images", ["image_id"])["image_id"].to_pylist())
    assert gone <= read_tombstones(store).by_id.keys()
    (child,) = start(store.uri, ("take_out", 3))
    assert child.communicate(timeout=600)[0].endswith("removed\n")
    assert set(store.read("images", ["image_id"])["image_id"].to_pylist()) == set(ids[3:])


@pytest.mark.parametrize("lines", [1, 3, 5])
def test_an_erasure_killed_loses_nothing_and_goes_on(tmp_path, start, lines):
    store = fill(Store.create(tmp_path / "store"))
    list(remove(store, plan_removal(store, ids=[IDS[3]]), erase=True))
    (child,) = start(store.uri, ("clean",))
    for _ in range(lines):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait(60)
    assert dict(store.blobs("images", "bytes", [IDS[4]])) == {IDS[4]: PICTURES[4]}
    list(erase(store, grace=timedelta(0)))
    assert files_holding(store, PICTURES[3][1000:1064]) == []
    assert dict(store.blobs("images", "bytes", [IDS[4]])) == {IDS[4]: PICTURES[4]}
    assert check(store, read_bytes=False) == []


def test_a_writer_of_vectors_does_not_bring_one_back(gallery):
    list(remove(gallery, plan_removal(gallery, ids=[IDS[3]])))
    assert gallery.upsert("vectors_e", [vector_row(IDS[n], VECTORS[n]) for n in (3, 4)]) == 0
    assert gallery.count("vectors_e", f"item_id = '{IDS[3]}'") == 0
    assert PICTURES[3]
