"""References give way to their pictures, in an order that a kill cannot turn into loss."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ingest_images, open_source
from attribase.ingest.images import references as module
from attribase.store import Store, content_id

URL = "https://e.x/a.png"
REFERENCE = content_id(URL.encode())


@pytest.fixture
def table(tmp_path):
    def write(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / name)
        return tmp_path / name

    return write


def run(store, source, collection="gallery", **options):
    steps = ingest_images(store, open_source(str(source)), collection, **options)
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            return stopped.value


def images(store):
    rows = store.read("images", ["image_id", "uri", "caption", "creator", "width"]).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def members(store):
    return sorted(tuple(row.values()) for row in store.read("members").to_pylist())


def test_the_picture_takes_the_place_of_its_reference_in_every_collection(store, table, make_picture):
    picture = make_picture(1)
    named = table(
        "named.parquet", url=[URL, "https://e.x/b.png"], caption=["a cat", None], artist=["Ann", None]
    )
    run(store, named, "gallery")
    run(store, named, "other")
    summary = run(store, table("p.parquet", url=[URL], image=[picture], artist=["Bob"]), "third")
    other = content_id(b"https://e.x/b.png")
    assert images(store) == sorted(
        [
            (content_id(picture), URL, "a cat", "Ann", 8),
            (other, "https://e.x/b.png", None, None, None),
        ]
    )
    assert members(store) == sorted(
        [(collection, content_id(picture)) for collection in ("gallery", "other", "third")]
        + [(collection, other) for collection in ("gallery", "other")]
    )
    assert summary.written.references_replaced == 1
    assert summary.merged.differing_columns == {"creator": 1}  # what was stored of the reference stays


def test_a_reference_whose_picture_is_stored_is_that_picture(store, table, make_picture):
    picture = make_picture(1)
    run(store, table("p.parquet", url=[URL], image=[picture]))
    summary = run(store, table("named.parquet", url=[URL, URL], caption=["a cat", None]), "other")
    assert images(store) == [(content_id(picture), URL, "a cat", None, 8)]
    assert members(store) == [("gallery", content_id(picture)), ("other", content_id(picture))]
    assert (summary.written.new, summary.written.known) == (0, 2)


def test_a_picture_and_its_reference_in_one_table_are_one_image(store, table, make_picture):
    picture = make_picture(1)
    run(store, table("p.parquet", url=[URL, URL], image=pa.array([None, picture], pa.binary())))
    assert images(store) == [(content_id(picture), URL, None, None, 8)]


def test_a_reference_that_a_model_or_a_vector_names_stays(store, table, make_picture):
    urls = [URL, "https://e.x/b.png", "https://e.x/c.png"]
    run(store, table("named.parquet", url=urls))
    ids = [content_id(url.encode()) for url in urls]
    store.upsert("models", [{"model_id": "m", "method": "custom-diffusion", "exemplar_ids": [ids[0]]}])
    vectors = store.ensure_vectors("e", 2)
    store.upsert(vectors, [{"item_id": ids[1], "item_kind": "image", "base": [1.0, 0.0]}])
    summary = run(store, table("p.parquet", url=urls, image=[make_picture(n) for n in range(3)]))
    there = {row[0] for row in images(store)}
    assert there == {ids[0], ids[1], *(content_id(make_picture(n)) for n in range(3))}
    assert (summary.written.references_replaced, summary.written.references_kept) == (1, 2)
    assert any("2 references stayed" in line for line in summary.lines())


@pytest.mark.parametrize("at", range(6))
def test_a_kill_at_any_write_loses_no_image_and_no_membership(store, table, make_picture, monkeypatch, at):
    picture = make_picture(1)
    named = table("named.parquet", url=[URL], caption=["a cat"])
    run(store, named, "gallery")
    run(store, named, "other")
    source = table("p.parquet", url=[URL], image=[picture])
    writes = []

    def killed(original):
        def wrapper(*given, **options):
            if "jobs" not in given:
                if len(writes) == at:
                    raise KeyboardInterrupt
                writes.append(1)
            return original(*given, **options)

        return wrapper

    with monkeypatch.context() as patch:
        patch.setattr(Store, "upsert", killed(Store.upsert))
        patch.setattr(module, "_delete", killed(module._delete))
        try:
            run(store, source)
        except KeyboardInterrupt:
            there = {row[0] for row in images(store)}
            for collection in ("gallery", "other"):
                assert {image for name, image in members(store) if name == collection} & there
    run(store, source)
    assert images(store) == [(content_id(picture), URL, "a cat", None, 8)]
    assert members(store) == [("gallery", content_id(picture)), ("other", content_id(picture))]
