"""A store large enough for an index that matters: clustered images, and samples that lie apart from them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.features import Pinned
from attribase.query.search import SearchSpace
from attribase.query.search.index_build import IndexTarget, index_space
from attribase.store import Store, key_id

DIM, IMAGES, SAMPLES, CLUSTERS = 32, 4000, 60, 40
ENCODER = "enc"


def clustered(count: int, seed: int) -> np.ndarray:
    """(count, DIM) rows around CLUSTERS centres, of all lengths."""
    centres = np.random.default_rng(7).normal(size=(CLUSTERS, DIM))
    rng = np.random.default_rng(seed)
    rows = centres[rng.integers(CLUSTERS, size=count)] + 0.6 * rng.normal(size=(count, DIM))
    return (rows * rng.uniform(0.5, 3, size=(count, 1))).astype(np.float32)


def table_of(ids: list[str], kind: str, rows: np.ndarray) -> pa.Table:
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    return pa.table({"item_id": ids, "item_kind": [kind] * len(ids), "base": column})


@dataclass
class Large:
    """A store, and in numpy what it holds: `ids` and `unit` of its images, in no order."""

    store: Store
    ids: list[str]
    unit: np.ndarray

    @property
    def space(self) -> SearchSpace:
        return SearchSpace.open(Pinned.now(self.store), ENCODER, "none")

    def index(self, **options) -> list:
        wanted = IndexTarget(**{"min_rows": 100, **options})
        return list(index_space(self.store, ENCODER, "none", wanted))

    def add(self, prefix: str, rows: np.ndarray, creator: str = "late") -> list[str]:
        """More gallery images."""
        ids = [f"{prefix}{n:05d}" for n in range(len(rows))]
        self.store.upsert("images", [{"image_id": i, "creator": creator, "license": "MIT"} for i in ids])
        self.store.upsert("members", [{"collection": "gallery", "image_id": i} for i in ids])
        self.store.upsert("vectors_enc", table_of(ids, "image", rows.astype(np.float32)))
        self.ids = self.ids + ids
        lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
        self.unit = np.concatenate([self.unit, rows / lengths])
        return ids

    def best(self, query: np.ndarray, k: int, among: set[str] | None = None) -> list[str]:
        """The k ids most similar to a query, found by sorting everything, ties by id."""
        pairs = zip(self.ids, self.unit @ query, strict=True)
        kept = [(-float(s), i) for i, s in pairs if among is None or i in among]
        return [i for _, i in sorted(kept)[:k]]


def _made(folder: Path) -> Large:
    store = Store.create(folder)
    store.upsert("encoders", [{"encoder": ENCODER, "dim": DIM}])
    store.ensure_vectors(ENCODER, DIM)
    ids = [f"i{n:05d}" for n in range(IMAGES)]
    rows = clustered(IMAGES, 1)
    store.upsert(
        "images",
        [
            {"image_id": i, "creator": f"c{n % 400}", "license": "CC0" if n % 2 else "MIT", "width": n}
            for n, i in enumerate(ids)
        ],
    )
    members = [{"collection": "gallery", "image_id": i} for i in ids[:3900]]
    members += [{"collection": "both", "image_id": i} for i in ids[3800:]]
    store.upsert("members", members)
    store.upsert("vectors_enc", table_of(ids, "image", rows))
    samples = [f"s{n:03d}" for n in range(SAMPLES)]
    store.upsert("models", [{"model_id": "m", "method": "none", "exemplar_ids": ids[3900:3950]}])
    store.upsert("samples", [{"sample_id": i, "model_id": "m"} for i in samples])
    store.upsert("vectors_enc", table_of(samples, "sample", clustered(SAMPLES, 2) + np.float32(0.5)))
    return Large(store, ids, rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.fixture(scope="session")
def large_once(tmp_path_factory: pytest.TempPathFactory) -> Large:
    """Without an index; not to be changed."""
    return _made(tmp_path_factory.mktemp("large") / "a.store")


@pytest.fixture(scope="session")
def indexed_once(large_once: Large, tmp_path_factory: pytest.TempPathFactory) -> Large:
    """With an index; not to be changed."""
    folder = tmp_path_factory.mktemp("indexed") / "a.store"
    copy = copy_of(large_once, folder)
    assert copy.index()
    return copy


@pytest.fixture
def large(large_once: Large, tmp_path: Path) -> Large:
    """Without an index, a copy that a test may change."""
    return copy_of(large_once, tmp_path / "a.store")


@pytest.fixture
def indexed(indexed_once: Large, tmp_path: Path) -> Large:
    """With an index, a copy that a test may change."""
    return copy_of(indexed_once, tmp_path / "a.store")


def copy_of(large: Large, folder: Path) -> Large:
    """The same store in `folder`."""
    return Large(Store.open(shutil.copytree(large.store.uri, folder)), large.ids, large.unit)


@pytest.fixture
def queries() -> np.ndarray:
    """(20, DIM) unit rows near the images' clusters, not stored."""
    rows = clustered(20, 3)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


INDEX_ID = key_id(ENCODER, "none")
