"""What a worker takes for an answer of a space that it has not read before: the least memory is enough."""

import json

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.attribution.attribute import answer_all
from attribase.query.attribution.request import Request
from attribase.query.service import ServiceOptions
from attribase.query.service.app import make_pool
from attribase.query.service.service import Service
from attribase.query.workers import WorkerRequest
from attribase.query.workers.request import Collected
from attribase.store import Store

PARTS, DIM, IMAGES = ("broad", "deep"), 2700, 6000
COMPOSITE = "+".join(PARTS)


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(5).normal(size=(IMAGES, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def uri(vectors, tmp_path_factory):
    """A composite of 65 MB of vectors, and a small encoder that answers where none is named."""
    store = Store.create(tmp_path_factory.mktemp("wide") / "a.store")
    ids = [f"i{n:04d}" for n in range(IMAGES)]
    store.upsert("images", [{"image_id": i, "creator": f"c{n % 7}"} for n, i in enumerate(ids)])
    members = [{"collection": "gallery", "image_id": i} for i in ids[: IMAGES // 2]]
    store.upsert("members", members)
    store.upsert("models", [{"model_id": "m", "method": "none", "exemplar_ids": ids[IMAGES // 2 : -9]}])
    parts = json.dumps([{"encoder": name, "dim": DIM // 2, "weight": 1.0} for name in PARTS])
    for encoder, rows in (("a", vectors[:, :8]), (COMPOSITE, vectors)):
        more = {"parts": parts} if encoder == COMPOSITE else {}
        store.upsert("encoders", [{"encoder": encoder, "dim": rows.shape[1], **more}])
        table = store.ensure_vectors(encoder, rows.shape[1])
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        store.upsert(table, pa.table({"item_id": ids, "item_kind": ["image"] * IMAGES, "base": column}))
    return store.uri


def ask(pool, query, **fields):
    """The status and body of a question with a vector."""
    body = json.dumps({"vector": query.tolist(), "encoder": COMPOSITE, "mapper": "none", **fields}).encode()
    head = {"method": "POST", "path": "/v1/attribute", "query": "", "headers": []}
    answer = Collected()
    request = WorkerRequest(head | {"headers": [("content-type", "application/json")]}, answer, 600.0, [body])
    pool.submit(request)
    request.ended.result()
    return answer.head["status"], json.loads(b"".join(answer.parts))


def test_a_composite_is_answered_within_the_least_memory(uri, vectors):
    """Its vectors are a quarter of that memory: there is room for one more copy of them, not for three."""
    options = ServiceOptions(workers=1)
    pool = make_pool(uri, options)
    try:
        pool.open()
        pool.run(options.least_memory)
        query = vectors[17] + np.float32(0.1) * vectors[18]
        status, answer = ask(pool, query, k=2)
        assert status == 200, answer
        assert [one["image_id"] for one in answer["results"]] == ["i0017", "i0018"]
        status, answer = ask(pool, query, k=2, by="creator", where="creator <> 'c3'")
        assert status == 200, answer
        assert answer["results"][0]["image_id"] == "i0018"  # i0017 is of c3
        assert [answer["shares"][0][name] for name in ("name", "image_id")] == ["c4", "i0018"]
        assert pool.starts == 1  # no worker was ended for its memory
    finally:
        pool.close()


def test_the_ids_of_all_images_are_read_before_the_memory_of_answers_is_counted(uri, vectors, monkeypatch):
    service = Service(uri, ServiceOptions())
    service.warm_up()
    finder = service.snapshot.finder("images", "image_id")
    monkeypatch.setattr(finder._index, "_read", None)
    (answer,) = answer_all(service.snapshot, [vectors[17, :8]], Request(encoder="a", files=False))
    assert answer.results[0].creator == "c3"
