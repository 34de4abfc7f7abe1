import os
from urllib.parse import quote

import pytest
from attribase.store.errors import InvalidInputError
from attribase.store.removal_plan import missing_members, plan_removal

from .gallery import COUNT, EXEMPLAR, IDS, PICTURES, SHARED, fill


@pytest.fixture
def gallery(store):
    return fill(store)


def chosen(plan):
    return {IDS.index(one) for one in plan.images}


def test_a_condition_chooses_images_with_all_that_is_theirs(gallery):
    plan = plan_removal(gallery, where="creator = 'Jane Doe'")
    assert plan.images == {IDS[3]: "/photos/3.png", IDS[4]: "/photos/4.png"}
    assert plan.rows == {"images": 2, "members": 2, "vectors_e": 2, "views_e": 2}
    assert (plan.models, plan.samples, plan.memberships) == ({}, {}, ())


def test_ids_and_uris_choose_images_and_unknown_ones_are_named(gallery):
    plan = plan_removal(gallery, ids=[IDS[1], "/photos/7.png", "nothing", "f" * 64])
    assert chosen(plan) == {1, 7}
    assert plan.unknown == ("nothing", "f" * 64)


def test_members_of_another_collection_only_leave(gallery):
    plan = plan_removal(gallery, collection="gallery")
    assert chosen(plan) == set(range(COUNT)) - {SHARED}
    assert plan.memberships == (IDS[SHARED],)
    assert plan.rows["members"] == COUNT
    assert plan_removal(gallery, collection="exemplars").images == {}


def test_all_conditions_have_to_hold(gallery):
    plan = plan_removal(gallery, collection="gallery", where="creator = 'Jane Doe'", ids=[IDS[3], IDS[8]])
    assert chosen(plan) == {3}
    assert plan_removal(gallery, collection="nothing", ids=[IDS[3]]).empty


def test_models_and_samples_made_from_an_image_are_in_the_plan(gallery):
    plan = plan_removal(gallery, ids=[IDS[EXEMPLAR]])
    assert plan.models == {"model": (IDS[EXEMPLAR],)}
    assert plan.samples == {"sample": "model"}
    assert plan.rows == {
        "images": 1,
        "members": 1,
        "models": 1,
        "samples": 1,
        "ranks": 1,
        "vectors_e": 2,
        "views_e": 2,
    }


@pytest.mark.parametrize(
    "conditions",
    [{}, {"where": "nothing = 1"}, {"where": "creator ="}, {"missing_from": "/photos"}],
)
def test_what_chooses_nothing_clearly_is_refused(gallery, conditions):
    with pytest.raises(InvalidInputError) as caught:
        plan_removal(gallery, **conditions)
    assert caught.value.hint


def test_planning_writes_nothing(gallery):
    before = gallery.versions()
    plan_removal(gallery, where="true")
    assert gallery.versions() == before


def test_members_whose_file_is_gone_or_has_other_bytes_are_missing(gallery, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "kept.png").write_bytes(PICTURES[0])
    (folder / "changed.png").write_bytes(PICTURES[1])
    elsewhere = str(tmp_path / "photos2" / "x.png")
    uris = {"changed": "changed.png", "now": "changed.png", "gone": "gone.png", "kept": "kept.png"}
    ids = {"now": IDS[1]}
    rows = [
        {"image_id": ids.get(name, name), "uri": str(folder / file), "creator": "x"}
        for name, file in uris.items()
    ]
    gallery.upsert("images", [*rows, {"image_id": "other", "uri": elsewhere}], update=True)
    names = [row["image_id"] for row in rows] + ["other"]
    gallery.upsert("members", [{"collection": "mine", "image_id": name} for name in names])
    found = missing_members(gallery, "mine", folder)
    assert sorted(image for image, _ in found) == ["changed", "gone"]
    assert plan_removal(gallery, collection="mine", missing_from=folder).images.keys() == {"changed", "gone"}
    assert missing_members(gallery, "gallery", folder / "deeper") == []


def test_members_inside_of_archives_and_tables_are_not_taken_for_missing(gallery, tmp_path):
    (tmp_path / "a.tar").touch()
    (tmp_path / "t.parquet").touch()
    odd = tmp_path / os.fsdecode(b"\xe9.png")
    odd.touch()
    escaped = "file://" + quote(os.fsencode(odd))
    uris = [f"{tmp_path}/a.tar/1.png", f"{tmp_path}/t.parquet#3", escaped, f"{tmp_path}/gone#3.png"]
    gallery.upsert("images", [{"image_id": uri[-6:], "uri": uri} for uri in uris])
    gallery.upsert("members", [{"collection": "mine", "image_id": uri[-6:]} for uri in uris])
    assert [uri for _, uri in missing_members(gallery, "mine", tmp_path)] == [uris[-1]]
