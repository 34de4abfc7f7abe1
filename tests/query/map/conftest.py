"""A store of two far apart groups of images, with exemplars, samples and a calibration."""

from dataclasses import dataclass

import numpy as np
import pytest
from attribase.store import Store, key_id

DIM = 8


@dataclass
class Mapped:
    """A store, and the group (0 or 1) of each item by id."""

    store: Store
    group: dict[str, int]


@pytest.fixture(scope="session")
def mapped_once(tmp_path_factory) -> Mapped:
    """Not to be changed."""
    store = Store.create(tmp_path_factory.mktemp("mapped") / "a.store")
    store.upsert("encoders", [{"encoder": "enc", "dim": DIM}])
    store.ensure_vectors("enc", DIM)
    rng = np.random.default_rng(0)
    centres = np.eye(DIM)[:2] * 6
    group: dict[str, int] = {}
    rows = []
    for kind, count in (("g", 60), ("e", 10), ("o", 6), ("s", 24)):
        for number in range(count):
            name = f"{kind}{number:02d}"
            group[name] = number % 2
            vector = centres[number % 2] + rng.normal(size=DIM)
            item = "sample" if kind == "s" else "image"
            rows.append({"item_id": name, "item_kind": item, "base": vector.astype(np.float32).tolist()})
    images = [name for name in group if name[0] != "s"]
    store.upsert(
        "images",
        [
            {"image_id": i, "creator": f"by {group[i]}", "license": "MIT", "caption": f"</script> {i}"}
            for i in images
        ],
    )
    store.upsert("members", [{"collection": "gallery", "image_id": i} for i in images if i[0] == "g"])
    store.upsert("members", [{"collection": "others", "image_id": i} for i in images if i[0] == "o"])
    exemplars = [i for i in images if i[0] == "e"]
    store.upsert(
        "models", [{"model_id": "m", "method": "x", "exemplar_ids": [*exemplars, "g00"], "split": "test"}]
    )
    samples = [name for name in group if name[0] == "s"]
    store.upsert("samples", [{"sample_id": i, "model_id": "m", "prompt": "a V* cat"} for i in samples])
    store.upsert("vectors_enc", rows)
    names = {"calibration_id": key_id("enc", "none"), "encoder": "enc", "mapper": "none"}
    store.upsert("calibrations", [{**names, "tau": 0.1, "lambda": 0.01}])
    return Mapped(store, group)
