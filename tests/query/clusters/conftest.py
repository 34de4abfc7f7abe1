"""A store of vectors with planted copies."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.clusters import partitions
from attribase.query.clusters.cluster import cluster_images
from attribase.query.clusters.settings import ClusterSettings
from attribase.store import Store

DIM, WORKS, COPIED = 24, 900, 60


@dataclass
class Planted:
    """A store, and what it holds: `unit` (n, DIM) of `ids` (n,)."""

    store: Store
    ids: list[str]
    unit: np.ndarray

    def cluster(self, **options) -> dict:
        """The row of the newest run, after clustering."""
        settings = ClusterSettings(**{"threshold": 0.9, **options})
        self.steps = list(cluster_images(self.store, settings))
        return max(self.store.read("cluster_runs").to_pylist(), key=lambda row: row["started"])

    def groups(self, run: dict) -> set[frozenset[str]]:
        """The clusters of a run, as sets of ids."""
        found: dict[str, set[str]] = {}
        for row in self.store.read("cluster_members", where=f"run_id = '{run['run_id']}'").to_pylist():
            found.setdefault(row["cluster_id"], set()).add(row["image_id"])
        assert all(head in members for head, members in found.items())
        return {frozenset(members) for members in found.values()}

    def add(self, prefix: str, rows: np.ndarray) -> list[str]:
        """More images."""
        ids = [f"{prefix}{n:04d}" for n in range(len(rows))]
        self.store.upsert("images", [{"image_id": one} for one in ids])
        self.store.upsert("members", [{"collection": "gallery", "image_id": one} for one in ids])
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.astype(np.float32).ravel()), DIM)
        kinds = ["image"] * len(ids)
        self.store.upsert("vectors_enc", pa.table({"item_id": ids, "item_kind": kinds, "base": column}))
        self.ids = self.ids + ids
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        self.unit = np.concatenate([self.unit, rows / lengths])
        return ids

    def components(self, threshold: float = 0.9) -> set[frozenset[str]]:
        """What is connected, found by looking from each image at all others."""
        near = self.unit @ self.unit.T >= threshold
        left, found = set(range(len(self.ids))), set()
        while left:
            reached, border = set(), {left.pop()}
            while border:
                reached |= border
                border = set(np.flatnonzero(near[sorted(border)].any(axis=0)).tolist()) - reached
            left -= reached
            if len(reached) > 1:
                found.add(frozenset(self.ids[at] for at in reached))
        return found


@pytest.fixture
def planted(tmp_path) -> Planted:
    """WORKS images, COPIED of them with 1 to 5 copies of other lengths; a sample that is a copy too."""
    rng = np.random.default_rng(3)
    store = Store.create(tmp_path / "planted.store")
    store.upsert("encoders", [{"encoder": "enc", "dim": DIM}])
    store.ensure_vectors("enc", DIM)
    works = rng.normal(size=(WORKS, DIM))
    source = np.repeat(np.arange(COPIED), 1 + np.arange(COPIED) % 5)
    copies = works[source] + 0.1 * rng.normal(size=(len(source), DIM))
    made = Planted(store, [], np.zeros((0, DIM)))
    made.add("w", works)
    made.add("c", copies * rng.uniform(0.5, 3, size=(len(copies), 1)))
    store.upsert("models", [{"model_id": "m", "method": "none", "exemplar_ids": []}])
    store.upsert("samples", [{"sample_id": "s", "model_id": "m"}])
    store.upsert(
        "vectors_enc", [{"item_id": "s", "item_kind": "sample", "base": works[0].astype(np.float32).tolist()}]
    )
    return made


@pytest.fixture(params=["all with all", "partitions"])
def compared(request, monkeypatch):
    """Comparing all images, or those of partitions."""
    if request.param == "partitions":
        monkeypatch.setattr(partitions, "COMPARE_ALL", 100)
        monkeypatch.setattr(partitions, "SAMPLED", 500)
