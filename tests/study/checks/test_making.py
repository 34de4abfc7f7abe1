import json

import pytest
from attribase.runtime.model_files import can_embed
from attribase.store import content_id
from attribase.store.ids import key_id
from attribase.study.checks.alterations import ALTERATIONS
from attribase.study.checks.making import (
    Altered,
    altered_images,
    make_images,
    make_samples,
    pick_images,
    reads_captions,
)

from .conftest import ENCODER

MIRROR, GREY = ALTERATIONS["mirror"], ALTERATIONS["grey"]
CHECK = "check:x"


@pytest.fixture
def ids(pictures):
    return sorted(pictures.read("images", ["image_id"])["image_id"].to_pylist())


def test_picked_images_have_the_least_hashes_and_another_purpose_picks_others(pictures, ids):
    assert pick_images(pictures, "p", 5) == sorted(ids, key=lambda one: key_id("p", one))[:5]
    assert pick_images(pictures, "q", 5) != pick_images(pictures, "p", 5)
    assert sorted(pick_images(pictures, "p", 500)) == ids
    assert pick_images(pictures, "p", 5, "exemplars") == []


def test_an_altered_image_is_stored_with_what_is_known_of_its_original(pictures, ids):
    pictures.upsert("images", [{"image_id": "r", "caption": "a boat", "creator": "J", "license": "CC0"}])
    about = dict(pictures.blobs("images", "bytes", ids[:1]))[ids[0]]
    row = {"image_id": ids[0], "caption": "a boat", "creator": "J", "license": "CC0", "bytes": about}
    pictures.upsert("images", [row], update=True)
    wanted = [Altered(ids[0], MIRROR), Altered(ids[0], GREY), Altered("r", GREY)]  # the last has no bytes
    list(make_images(pictures, CHECK, wanted))
    made = altered_images(pictures, CHECK)
    assert set(made) == {(ids[0], "mirror"), (ids[0], "grey")}
    assert made[ids[0], "grey"] == content_id(GREY(about))
    columns = ["image_id", "caption", "creator", "license", "width", "metadata"]
    stored = {one["image_id"]: one for one in pictures.read("images", columns).to_pylist()}
    mine = stored[made[ids[0], "mirror"]]
    assert (mine["caption"], mine["creator"], mine["license"], mine["width"]) == ("a boat", "J", "CC0", 32)
    assert json.loads(mine["metadata"]) == {"check": CHECK, "made_from": ids[0], "alteration": "mirror"}
    members = pictures.read("members", ["image_id"], f"collection = '{CHECK}'")["image_id"].to_pylist()
    assert set(members) == set(made.values())


def test_what_is_made_is_not_made_again(pictures, ids):
    wanted = [Altered(one, MIRROR) for one in ids[:3]]
    for make in (make_images, make_samples):
        assert [(step.done, step.total) for step in make(pictures, CHECK, wanted)] == [(3, 3)]
        before = pictures.versions()
        assert list(make(pictures, CHECK, wanted)) == []
        assert pictures.versions() == before


def test_encoders_of_features_from_outside_have_no_network(pictures):
    pictures.upsert("encoders", [{"encoder": "outside", "dim": 4}])
    parts = [{"encoder": name, "dim": 4, "onnx_sha256": ""} for name in (ENCODER, "outside")]
    pictures.upsert("encoders", [{"encoder": "both", "dim": 8, "parts": json.dumps(parts)}])
    assert can_embed(pictures, ENCODER)
    assert not can_embed(pictures, "outside")
    assert not can_embed(pictures, "both")
    assert not reads_captions(pictures, ENCODER)
