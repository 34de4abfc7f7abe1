"""Lists of images and samples: filters, pages by id in both directions, and the values that filters offer."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.service.listing import Place, key_page
from attribase.store.errors import InvalidInputError


@pytest.fixture(scope="module")
def rows(world):
    """All images by id, each with its collections."""
    found = {row["image_id"]: row | {"collections": set()} for row in world.store.read("images").to_pylist()}
    for member in world.store.read("members").to_pylist():
        found[member["image_id"]]["collections"].add(member["collection"])
    return found


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ({}, lambda _: True),
        ({"creator": "Ada"}, lambda row: row["creator"] == "Ada"),
        ({"collection": "exemplars"}, lambda row: "exemplars" in row["collections"]),
        ({"role": "gallery", "q": "G01"}, lambda row: "g01" in (row["uri"] or "")),
        ({"unknown": ["creator", "license"]}, lambda row: row["creator"] is None and row["license"] is None),
        (
            {"where": "width is not null or height > 3"},
            lambda row: row["width"] is not None or (row["height"] or 0) > 3,
        ),
        (
            {"where": "image_id = 'whole' or creator is null", "creator": "Ada"},
            lambda row: row["creator"] == "Ada",
        ),
        ({"creator": "O'Nobody"}, lambda _: False),
    ],
)
def test_images_are_those_that_all_conditions_hold_for(client, rows, conditions, wanted):
    said = client.get("/v1/images", params={**conditions, "limit": 1000}).json()
    expected = sorted(name for name, row in rows.items() if wanted(row))
    assert [row["image_id"] for row in said["images"]] == expected
    assert (said["total"], said["before"]) == (len(expected), 0)
    assert not {"bytes", "metadata"} & {name for row in said["images"] for name in row}


def test_exemplars_are_the_images_that_a_model_was_trained_on(client, world):
    said = client.get("/v1/images", params={"role": "exemplar", "limit": 1000}).json()
    trained = {one for row in world.store.read("models").to_pylist() for one in row["exemplar_ids"]}
    assert {row["image_id"] for row in said["images"]} == trained & set(
        world.store.read("images")["image_id"].to_pylist()
    )
    for image in sorted(trained)[:3]:
        of_image = client.get("/v1/samples", params={"exemplar": image, "limit": 1000}).json()["samples"]
        assert of_image
        assert all(image in row["exemplar_ids"] for row in of_image)


@pytest.mark.parametrize("path", ["images", "samples"])
def test_pages_by_id_add_up_in_both_directions(client, path):
    key = f"{path[:-1]}_id"
    asked = [f"/v1/{path}?after=&limit=7"]
    pages = []
    while True:
        page = client.get(asked[-1]).json()
        if not page[path]:
            break
        assert page["before"] == sum(len(one) for one in pages)
        pages.append([row[key] for row in page[path]])
        asked.append(f"/v1/{path}?after={pages[-1][-1]}&limit=7")
    whole = [one for page in pages for one in page]
    assert whole == sorted(whole)
    assert len(whole) == page["total"] == len(set(whole))
    for earlier, later in pairwise(pages):
        back = client.get(f"/v1/{path}?before={later[0]}&limit=7").json()
        assert [row[key] for row in back[path]] == earlier
        assert whole[back["before"]] == earlier[0]


def test_keys_in_any_order_and_batches_make_the_same_page():
    keys = [f"k{number:04d}" for number in np.random.default_rng(0).permutation(500)]
    batches = [pa.array(keys[start : start + 37]) for start in range(0, 500, 37)]
    page = key_page(batches, Place(before="k0250", limit=9))
    assert (page.keys, page.total, page.skipped) == ([f"k{n:04d}" for n in range(241, 250)], 500, 241)
    page = key_page(batches, Place(after="k0498", limit=9))
    assert (page.keys, page.total, page.skipped) == (["k0499"], 500, 499)
    assert key_page([], Place()).keys == []
    with pytest.raises(InvalidInputError):
        Place(after="a", before="b")


def test_a_condition_that_is_none_and_unknown_fields_are_refused(client):
    for where in ("creator = ", "a) or (b", "nothing = 1"):
        response = client.get("/v1/images", params={"where": where})
        assert response.status_code == 400, where
        assert response.json()["error"]["hint"]
    assert client.get("/v1/images", params={"after": "a", "before": "b"}).status_code == 400
    assert client.get("/v1/images", params={"unknown": "bytes"}).status_code == 422
    assert client.get("/v1/values", params={"field": "bytes"}).status_code == 422


def test_values_are_counted_and_found_by_a_part(client, rows):
    counted = Counter(row["creator"] for row in rows.values())
    said = client.get("/v1/values", params={"field": "creator", "limit": 1000}).json()
    expected = sorted(((-number, name) for name, number in counted.items() if name is not None))
    assert [(-one["count"], one["value"]) for one in said["values"]] == expected
    assert (said["total"], said["unknown"]) == (len(expected), counted[None])
    part = client.get("/v1/values", params={"field": "creator", "q": "aD", "limit": 1}).json()
    assert part["total"] == sum("ad" in name.lower() for _, name in expected)
    assert len(part["values"]) == 1
    splits = client.get("/v1/values", params={"field": "split"}).json()
    assert {one["value"] for one in splits["values"]} >= {"test"}


def test_info_names_the_fields_to_list_and_to_sum_by(client):
    said = client.get("/v1/info").json()
    assert {"collection", "creator", "license", "category"} <= set(said["fields"])
    assert {"creator", "license", "category", "collection"} <= set(said["owners"])
