"""COCO's annotations as a table of images."""

import json

from ..stored import read_all, reasons

DOCUMENT = {
    "info": {"year": 2017},
    "licenses": [{"id": 4, "name": "Attribution License", "url": "http://cc/by/2.0/"}],
    "images": [
        {"id": 2, "file_name": "2.png", "license": 4, "coco_url": "http://e.x/2.png", "height": 8},
        {"id": 1, "file_name": "1.png", "license": 9, "coco_url": "http://e.x/1.png"},
    ],
    "annotations": [
        {"image_id": 2, "id": 1, "caption": "A frog. "},
        {"image_id": 2, "id": 2, "caption": "Green"},
        {"image_id": 2, "id": 3, "category_id": 7, "area": 10},
        {"image_id": 2, "id": 4, "category_id": 8, "area": 90.5},
    ],
    "categories": [{"id": 7, "name": "leaf"}, {"id": 8, "name": "frog"}],
}


def test_images_have_their_captions_categories_and_licences(tmp_path, make_picture):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    (tmp_path / "train2017" / "2.png").write_bytes(make_picture(2))
    (tmp_path / "annotations" / "captions_train2017.json").write_text(json.dumps(DOCUMENT))
    first, second = read_all(tmp_path / "annotations" / "captions_train2017.json").values()
    assert (first.uri, first.data) == ("http://e.x/2.png", make_picture(2))
    assert (first.caption, first.category, first.license) == ("A frog.", "frog", "http://cc/by/2.0/")
    assert first.metadata["captions"] == ["A frog.", "Green"]
    assert first.metadata["categories"] == ["leaf", "frog"]
    assert (second.uri, second.data, second.license) == ("http://e.x/1.png", None, "9")


def test_images_without_a_url_must_be_there(tmp_path):
    document = {"images": [{"id": 1, "file_name": "gone.png"}], "annotations": []}
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert reasons(read_all(tmp_path / "a.json")) == {f"{tmp_path}/a.json#0": "missing-file"}
