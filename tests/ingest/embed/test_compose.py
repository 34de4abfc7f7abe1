"""A composite's vectors and views, against its parts' normalised and concatenated here."""

import numpy as np
import pytest
from attribase.ingest.embed import embed, embed_views
from attribase.ingest.encoders import ensure_encoder
from attribase.runtime import MapperPair, encoder_parts
from attribase.runtime.mapper_kinds import LinearMapper
from attribase.store import key_id
from attribase.store.checks import check
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal

NAME, TABLE = "mean+thumbnail", "vectors_mean_thumbnail"


def vectors(store, table: str) -> dict[str, np.ndarray]:
    return {row["item_id"]: np.array(row["base"]) for row in store.read(table).to_pylist()}


def unit(row: np.ndarray) -> np.ndarray:
    return row / np.sqrt((row**2).sum())


@pytest.fixture
def store(gallery):
    """Three images and two samples; `mean` is in the store, `thumbnail` of the package."""
    gallery.images([gallery.png(seed) for seed in range(3)])
    gallery.samples([gallery.png(seed) for seed in (7, 8)])
    return gallery.store


def run(store, name: str = NAME, **settings):
    return list(embed(store, ensure_encoder(store, name), **settings))


def test_a_vector_is_the_unit_vectors_of_the_parts_side_by_side(store):
    steps = run(store)
    assert (steps[-1].stage, steps[-1].done, steps[-1].total) == (f"embed:{NAME}", 5, 5)
    first, second, joined = (vectors(store, name) for name in ("vectors_mean", "vectors_thumbnail", TABLE))
    assert joined.keys() == first.keys() == second.keys()
    assert len(joined) == 5
    for item, row in joined.items():
        assert row == pytest.approx(np.concatenate([unit(first[item]), unit(second[item])]), abs=1e-6)
    kinds = {row["item_id"]: row["item_kind"] for row in store.read(TABLE).to_pylist()}
    assert sorted(kinds.values()) == ["image"] * 3 + ["sample"] * 2
    assert encoder_parts(store, NAME) == [("mean", 0, 5), ("thumbnail", 5, 773)]
    assert encoder_parts(store, "mean") == [("mean", 0, 5)]


def test_what_is_there_is_not_done_again_and_new_items_are_added(store, gallery):
    run(store)
    version = store.dataset(TABLE).version
    assert run(store)[-1].total == 0
    assert store.dataset(TABLE).version == version
    (new,) = gallery.images([gallery.png(20)])
    assert run(store)[-1].done == 1
    assert new in vectors(store, TABLE)
    assert len(vectors(store, TABLE)) == 6


def test_vectors_of_a_part_are_read_where_they_are(store):
    """Also of items without bytes, as those of a release."""
    ensure_encoder(store, NAME)
    list(embed(store, "mean"))
    store.upsert("images", [{"image_id": "only-referenced", "uri": "file:a.png"}])
    for table, dim in (("vectors_mean", 5), ("vectors_thumbnail", 768)):
        store.ensure_vectors(table.removeprefix("vectors_"), dim)
        row = {"item_id": "only-referenced", "item_kind": "image", "base": np.arange(dim, dtype=np.float32)}
        store.upsert(table, [row])
    before = vectors(store, "vectors_mean")
    run(store)
    assert "only-referenced" in vectors(store, TABLE)
    after = vectors(store, "vectors_mean")
    assert all(np.array_equal(before[item], after[item]) for item in before)


def test_a_part_without_a_model_has_the_vectors_that_came_with_it(store, gallery):
    """As an encoder of the authors' release."""
    store.upsert("encoders", [{"encoder": "published", "dim": 2}])
    item = store.read("images", ["image_id"])["image_id"].to_pylist()[1]
    row = {"item_id": item, "item_kind": "image", "base": np.array([0, 5], np.float32)}
    store.upsert(store.ensure_vectors("published", 2), [row])
    run(store, "published+mean")
    joined = vectors(store, "vectors_published_mean")
    assert set(joined) == {item}
    assert joined[item][:2].tolist() == [0, 1]
    assert len(gallery.embedded()) == 5


def test_an_item_that_one_part_cannot_embed_is_left_out(store, gallery):
    (bad,) = gallery.images([b"no picture"])
    run(store)
    assert bad not in vectors(store, TABLE)
    assert store.failed_items("embed:thumbnail") == {bad}
    assert not [one for one in check(store) if one.check == "missing-vector"]


def test_a_condition_holds_for_the_parts(store, gallery):
    (mine,) = gallery.images([gallery.png(31)], creator="me")
    run(store, where="creator = 'me'")
    assert set(vectors(store, TABLE)) == {mine}


def test_columns_of_mappers_are_filled_with_new_vectors(store, gallery):
    run(store)
    rng = np.random.default_rng(1)
    maps = [LinearMapper(rng.normal(size=(6, 773)).astype(np.float32), np.zeros(6)) for _ in range(2)]
    pair = MapperPair(*maps)
    row = {"mapper_id": key_id(NAME, "small"), "encoder": NAME, "mapper": "small", "weights": pair.to_bytes()}
    store.upsert("mappers", [row])
    gallery.images([gallery.png(40)])
    run(store)
    rows = store.read(TABLE).to_pylist()
    assert len(rows) == 6
    for one in rows:
        side = maps[one["item_kind"] == "sample"]
        assert one["mapped_small"] == pytest.approx(unit(side.weight @ one["base"]), abs=1e-5)


def test_removed_images_leave_the_composite(store, gallery):
    (gone,) = gallery.images([gallery.png(50)])
    run(store)
    list(remove(store, plan_removal(store, ids=[gone])))
    run(store)
    assert gone not in vectors(store, TABLE)
    assert len(vectors(store, TABLE)) == 5


def test_more_items_than_a_block_are_all_joined(store, gallery, monkeypatch):
    monkeypatch.setattr("attribase.ingest.embed.compose.BLOCK", 2)
    gallery.images([gallery.png(seed) for seed in range(60, 67)])
    steps = [step for step in run(store) if step.stage == f"embed:{NAME}"]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert len(steps) > 4
    assert len(vectors(store, TABLE)) == 12


@pytest.mark.parametrize(("augment", "prefix"), [("mild", "views"), ("strong", "views_strong")])
def test_views_are_the_parts_views_of_the_same_number(store, augment, prefix):
    exemplar = store.read("images", ["image_id"])["image_id"].to_pylist()[0]
    model = {"model_id": "m", "method": "custom-diffusion", "exemplar_ids": [exemplar], "split": "train"}
    store.upsert("models", [model])
    list(embed_views(store, ensure_encoder(store, NAME), views=3, augment=augment))

    def views(table):
        rows = store.read(table).to_pylist()
        return {(row["item_id"], row["view"]): np.array(row["base"]) for row in rows}

    first, second = views(f"{prefix}_mean"), views(f"{prefix}_thumbnail")
    joined = views(f"{prefix}_mean_thumbnail")
    assert len(joined) == 9  # of the exemplar and of two samples
    assert joined.keys() == first.keys() == second.keys()
    for key, row in joined.items():
        assert row == pytest.approx(np.concatenate([unit(first[key]), unit(second[key])]), abs=1e-6)


def test_a_composition_that_was_stopped_goes_on(store, gallery, monkeypatch):
    monkeypatch.setattr("attribase.ingest.embed.compose.BLOCK", 3)
    gallery.images([gallery.png(seed) for seed in range(60, 67)])
    steps = embed(store, ensure_encoder(store, NAME))
    next(step for step in steps if step.stage == f"embed:{NAME}" and step.done)
    steps.close()
    first = vectors(store, TABLE)
    assert 0 < len(first) < 12
    left = [step for step in run(store) if step.stage == f"embed:{NAME}"]
    assert left[0].total == left[-1].done == 12 - len(first)
    joined = vectors(store, TABLE)
    assert len(joined) == 12
    assert all(np.array_equal(joined[item], row) for item, row in first.items())


def test_of_more_views_than_were_asked_for_the_first_are_joined(store):
    exemplar = store.read("images", ["image_id"])["image_id"].to_pylist()[0]
    model = {"model_id": "m", "method": "custom-diffusion", "exemplar_ids": [exemplar], "split": "train"}
    store.upsert("models", [model])
    ensure_encoder(store, NAME)
    for part in ("mean", "thumbnail"):
        list(embed_views(store, part, views=3))
    list(embed_views(store, NAME, views=2))
    views = store.read("views_mean_thumbnail", ["view"])["view"].to_pylist()
    assert sorted(views) == [0, 0, 0, 1, 1, 1]
