"""A store of planted vectors: test models on one exemplar each, altered images of these, and their models."""

import json

import numpy as np
from attribase.query import Features
from attribase.store import Store
from attribase.study.checks.check import CheckPlan

DIM, GALLERY, MODELS, SAMPLES, ENCODER = 12, 50, 6, 4, "enc"
PLAN = CheckPlan((Features(ENCODER),), {"altered": {"samples": SAMPLES}, "glyphs": {"samples": SAMPLES}})


class Planted:
    """Samples of a model are `near` times its exemplar and noise; `vectors` holds everything by id."""

    def __init__(self, folder, items, alterations, near=4.0) -> None:
        self.store, self.rng = Store.create(folder), np.random.default_rng(0)
        self.near, self.vectors = near, {}
        self.store.upsert("encoders", [{"encoder": ENCODER, "dim": DIM, "onnx_file": "x", "files": "[]"}])
        self.table = self.store.ensure_vectors(ENCODER, DIM)
        self.images({f"g{i:02}": f"file:{i}" for i in range(GALLERY)}, "gallery")
        self.images({f"o{i}": f"file:o{i}" for i in range(MODELS)}, "exemplars")
        for i in range(MODELS):
            self.model(f"m{i}", f"o{i}", "object_seen", "test")
            for n, name in enumerate(alterations):
                image = f"a{i}{n}"
                self.images({image: f"{items}/{name}/o{i}"}, items)
                self.model(f"c{i}{n}", image, f"{items} {name}", "check")

    def images(self, uris, collection) -> None:
        self.store.upsert("images", [{"image_id": i, "uri": uri, "bytes": b"?"} for i, uri in uris.items()])
        self.store.upsert("members", [{"collection": collection, "image_id": i} for i in uris])
        self.embed({i: self.rng.normal(size=DIM) for i in uris}, "image")

    def model(self, name, exemplar, case, split) -> None:
        config = json.dumps({"training_prompts": ["V* toy"]})
        row = {"model_id": name, "exemplar_ids": [exemplar], "case_name": case, "split": split, "seed": 0}
        row |= {"method": "custom-diffusion", "base_model": "world", "config": config}
        self.store.upsert("models", [row | {"concept_kind": "object", "concept": name, "category": "toy"}])
        drawn = {f"{name}-s{i}": self.near * self.vectors[exemplar] for i in range(SAMPLES)}
        rows = [
            {"sample_id": one, "model_id": name, "scheme": "gpt", "prompt": "a V* toy", "seed": i}
            for i, one in enumerate(drawn)
        ]
        self.store.upsert("samples", rows)
        self.embed({one: row + self.rng.normal(size=DIM) for one, row in drawn.items()}, "sample")

    def embed(self, vectors, kind) -> None:
        rows = {i: np.asarray(row, np.float32) for i, row in vectors.items()}
        self.vectors |= rows
        self.store.upsert(
            self.table, [{"item_id": i, "item_kind": kind, "base": row.tolist()} for i, row in rows.items()]
        )

    def cosine(self, one, other) -> float:
        a, b = self.vectors[one].astype(float), self.vectors[other].astype(float)
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    def rank(self, sample, image, pool) -> int:
        own = self.cosine(sample, image)
        return 1 + sum(self.cosine(sample, other) >= own for other in set(pool) - {image})
