"""Vector search for LanceDB's client says how many images of the pool have a vector and were compared."""

import json

import pytest
from attribase.query import Session
from attribase.query.service import ServiceOptions
from attribase.query.service.lancedb.schemas import QueryBody
from attribase.query.service.lancedb.search import search


def coverage(fake, **body):
    vector = fake.vectors["m1-s0"].tolist()
    asked = QueryBody.model_validate({"k": 2, "vector": vector, "vector_column": "base", **body})
    table = search(Session(fake.store).snapshot(), "vectors_enc", asked, ServiceOptions())
    (said,) = json.loads(table.schema.metadata[b"attribase"])
    return said


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, 1),
        ({"filter": "item_kind = 'image'"}, 1),
        ({"filter": "creator = 'c0'"}, 1),
        ({"filter": "creator = 'c0'", "prefilter": False}, 1),
        ({"filter": "creator = 'c1'"}, 0),
        ({"filter": "image_id = 'lost'"}, 1),
    ],
)
def test_a_search_over_images_without_vectors_is_neither_exact_nor_complete(small, body, missing):
    small.calibrate(0.2, 0.3)
    small.store.upsert("images", [{"image_id": "lost", "creator": "c0"}])
    small.store.upsert("members", [{"collection": "gallery", "image_id": "lost"}])
    said = coverage(small, **body)
    assert said["pool_size"] - said["embedded"] == missing
    assert said["searched"] == said["embedded"]
    assert (said["exact"], said["complete"]) == (not missing, not missing)
    assert said["unseen"] == (None if missing else 0.0)
