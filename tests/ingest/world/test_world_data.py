import io
from collections import Counter, defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest
from attribase.ingest.world import images_path, notice_path
from attribase.ingest.world.build.concepts import CATEGORIES, concepts
from attribase.ingest.world.build.sets import SETS, get_set
from attribase.store.ids import content_id
from PIL import Image


@pytest.fixture(scope="module")
def rows():
    return pq.read_table(images_path()).to_pylist()


def test_every_image_has_its_own_id(rows):
    ids = [content_id(row["image"]) for row in rows]
    assert len(set(ids)) == len(ids) > 5000


def test_images_are_64_pixel_rgb_png_and_none_is_blank(rows):
    for row in rows[::37]:
        image = Image.open(io.BytesIO(row["image"]))
        assert (image.format, image.size, image.mode) == ("PNG", (64, 64), "RGB")
        assert np.asarray(image).std() > 3


def test_every_row_names_creator_and_licence_and_has_a_known_category(rows):
    for row in rows:
        assert row["creator"]
        assert row["license"] in {"Apache-2.0", "MIT", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-4.0"}
        assert row["license_url"].startswith("https://")
        assert row["category"] in CATEGORIES


def test_share_alike_images_are_only_exemplars_of_unseen_styles(rows):
    found = {(row["role"], row["split_hint"]) for row in rows if "SA" in row["license"]}
    assert found == {("style", "unseen")}


def test_the_notice_credits_every_set_that_has_images(rows):
    notice = notice_path().read_text()
    for name in {row["set"] for row in rows}:
        assert f"| {get_set(name).package} {get_set(name).version} |" in notice


def test_no_held_out_concept_is_in_the_gallery_under_any_sets_name(rows):
    held = {concept.name for concept in concepts() if concept.hint != "gallery"}
    gallery = [row["name"] for row in rows if row["role"] == "gallery"]
    assert not held & set(gallery)
    other_things = {"fountain pen", "gift heart", "kick scooter", "speech balloon"}
    assert {n for n in gallery if any(f" {word} " in f" {n} " for word in held)} == other_things


def test_seen_and_unseen_objects_share_no_concept_and_unseen_styles_no_set_with_the_gallery(rows):
    names, sets = defaultdict(set), defaultdict(set)
    for row in rows:
        names[row["role"], row["split_hint"]].add(row["name"])
        sets[row["role"], row["split_hint"]].add(row["set"])
    assert not names["object", "seen"] & names["object", "unseen"]
    assert not sets["style", "unseen"] & (sets["gallery", "gallery"] | sets["style", "seen"])
    assert sets["style", "seen"] <= sets["gallery", "gallery"]


def test_each_style_has_enough_exemplars_for_several_models(rows):
    per_set = Counter(row["set"] for row in rows if row["role"] == "style")
    assert set(per_set) == {spec.name for spec in SETS if spec.use != "team"}
    assert min(per_set.values()) >= 40
