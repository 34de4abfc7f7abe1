"""A store for the search benchmark: clustered vectors, as real features are clustered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from attribase.store import Store, content_id, key_id

ENCODER = "clustered"
CLUSTERS, GROUPS, CREATORS = 4000, 64, 997
MEAN, CENTRE, SPREAD, NOISE = 0.8, 1.0, 0.8, 0.2


@dataclass(frozen=True)
class Clusters:
    """A mixture like features of images: one cone, clusters of very different size, few directions.

    A common mean, as cosines of unrelated images are far from 0; centres and the spread of a cluster have
    spectra that fall like 1 / j, each group of clusters along directions of its own; a little noise in all of
    them. Uniform noise would have no neighbours to find.
    """

    dim: int

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        fall = 1 / np.arange(1, self.dim + 1) ** 0.5
        fall /= np.linalg.norm(fall)
        turn = np.linalg.qr(rng.normal(size=(self.dim, self.dim)))[0]
        mean = rng.normal(size=self.dim) / self.dim**0.5
        centres = MEAN * mean + CENTRE * (rng.normal(size=(CLUSTERS, self.dim)) * fall) @ turn
        sizes = 1 / np.arange(1, CLUSTERS + 1) ** 0.7
        orders = np.stack([rng.permutation(self.dim) for _ in range(GROUPS)])
        for name, value in {
            "centres": centres.astype(np.float32),
            "sizes": sizes / sizes.sum(),
            "turn": turn.astype(np.float32),
            "falls": fall[orders].astype(np.float32),
        }.items():
            object.__setattr__(self, name, value)

    def draw(self, count: int, seed: int) -> np.ndarray:
        """(count, dim) unit rows, float32."""
        rng = np.random.default_rng(seed)
        chosen = rng.choice(CLUSTERS, size=count, p=self.sizes)
        own = rng.standard_normal((count, self.dim), np.float32)
        own *= SPREAD * self.falls[chosen % GROUPS] + np.float32(NOISE / self.dim**0.5)
        rows = self.centres[chosen] + own @ self.turn
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def blocks(count: int, dim: int, block: int = 50_000) -> Iterator[np.ndarray]:
    """`count` gallery rows in blocks of up to `block`."""
    mixture = Clusters(dim)
    for start in range(0, count, block):
        yield mixture.draw(min(block, count - start), 1000 + start)


def fill(folder: Path, count: int, dim: int, queries: int, *, half: bool = False) -> Store:
    """A store of `count` gallery images and `queries` samples, vectors only, with a calibration.

    With `half` its vectors are float16. Rows are appended as Lance writes them: their keys are new.
    """
    store = Store.create(folder)
    store.upsert("encoders", [{"encoder": ENCODER, "dim": dim}])
    names = {"calibration_id": key_id(ENCODER, "none"), "encoder": ENCODER, "mapper": "none"}
    store.upsert("calibrations", [names | {"tau": 0.02, "lambda": 1e-3}])
    table, done = store.ensure_vectors(ENCODER, dim, half=half), 0
    for rows in blocks(count, dim):
        numbers = range(done, done + len(rows))
        done += len(rows)
        ids = pa.array([content_id(b"image %d" % number) for number in numbers])
        about = {"uri": map(str, numbers), "creator": [f"creator {number % CREATORS}" for number in numbers]}
        append(store, "images", {"image_id": ids} | {name: list(some) for name, some in about.items()})
        append(store, "members", {"collection": ["gallery"] * len(ids), "image_id": ids})
        append(store, table, _vectors(ids, "image", rows))
    names = [content_id(b"sample %d" % number) for number in range(queries)]
    store.upsert("models", [{"model_id": "model", "method": "none", "exemplar_ids": []}])
    store.upsert("samples", [{"sample_id": one, "model_id": "model"} for one in names])
    append(store, table, _vectors(names, "sample", Clusters(dim).draw(queries, 7)))
    return store


def append(store: Store, table: str, columns: Mapping[str, Any]) -> None:
    """Append rows whose keys are new; the other columns are null."""
    named = pa.schema([field for field in store.schema(table) if field.name in columns])
    arrays = [_array(columns[field.name], field.type) for field in named]
    lance.write_dataset(pa.table(arrays, named), store.layout.table(table), mode="append")


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if not isinstance(values, np.ndarray):
        return pa.array(values, kind)
    flat = values.astype(kind.value_type.to_pandas_dtype()).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), kind.list_size)


def _vectors(ids: Any, kind: str, rows: np.ndarray) -> dict[str, Any]:
    return {"item_id": ids, "item_kind": [kind] * len(ids), "base": rows}
