"""A small store of incompressible images and vectors, whose bytes can be searched for in its files."""

from pathlib import Path

import numpy as np
from attribase.store import Store, content_id, run_number

COUNT = 12
DIM = 8
RNG = np.random.default_rng(31)
PICTURES = [RNG.bytes(3000) for _ in range(COUNT)]
VECTORS = RNG.standard_normal((COUNT, DIM)).astype(np.float32)
IDS = [content_id(data) for data in PICTURES]
SAMPLE, SAMPLE_VECTOR = RNG.bytes(3000), RNG.standard_normal(DIM).astype(np.float32)
WEIGHTS = RNG.bytes(3000)
EXEMPLAR = 2  # the image that the model was customized on
SHARED = 5  # the image that is in two collections


def fill(store: Store) -> Store:
    """Twelve gallery images with vectors and views, a model of one of them, its sample, a run of both."""
    rows = [{"image_id": IDS[n], "uri": f"/photos/{n}.png", "bytes": PICTURES[n]} for n in range(COUNT)]
    for row in rows:
        row["creator"] = "Jane Doe" if row["uri"] in {"/photos/3.png", "/photos/4.png"} else "others"
    store.upsert("images", rows)
    members = [{"collection": "gallery", "image_id": one} for one in IDS]
    store.upsert("members", [*members, {"collection": "exemplars", "image_id": IDS[SHARED]}])
    model = {"model_id": "model", "method": "m", "exemplar_ids": [IDS[EXEMPLAR]], "weights": WEIGHTS}
    store.upsert("models", [model])
    store.upsert("samples", [{"sample_id": "sample", "model_id": "model", "bytes": SAMPLE}])
    store.upsert("encoders", [{"encoder": "e", "dim": DIM}])
    vectors = store.ensure_vectors("e", DIM)
    items = [*zip(IDS, VECTORS, strict=True), ("sample", SAMPLE_VECTOR)]
    store.upsert(vectors, [vector_row(item, vector) for item, vector in items])
    views = store.ensure_views("e", DIM)
    store.upsert(views, [{"item_id": item, "view": 0, "base": (-vector).tolist()} for item, vector in items])
    store.upsert(
        "runs", [{"run_id": "12" * 16, "encoder": "e", "mapper": "none", "run_number": run_number("12" * 16)}]
    )
    rank = {"run_id": "12" * 16, "sample_id": "sample", "image_id": IDS[EXEMPLAR], "rank": 1}
    store.upsert("ranks", [rank])
    return store


def vector_row(item: str, vector: np.ndarray) -> dict[str, object]:
    return {"item_id": item, "item_kind": "sample" if item == "sample" else "image", "base": vector.tolist()}


def files_holding(store: Store, data: bytes) -> list[str]:
    """The files of the store's folder in which `data` is, by a search of every byte."""
    files = [path for path in Path(store.uri).rglob("*") if path.is_file()]
    return [str(path.relative_to(store.uri)) for path in files if data in path.read_bytes()]


def picture_run(n: int) -> bytes:
    """A distinctive part of the bytes of picture `n`."""
    return PICTURES[n][1000:1064]
