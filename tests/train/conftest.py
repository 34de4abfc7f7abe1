"""Stores with made-up features: what a sample shares with its exemplar is known by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from attribase.store import Store


def vectors(rows: np.ndarray) -> pa.FixedSizeListArray:
    flat = pa.array(np.asarray(rows, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


@dataclass(frozen=True)
class Made:
    """Exemplars are random points; a sample is its exemplar's first half, permuted, moved and noisy.

    The second half of every feature is loud noise, so raw similarity misleads and a linear map can help.
    """

    dim: int = 16
    train: int = 60
    val: int = 12
    test: int = 12
    gallery: int = 300
    samples: int = 4
    exemplars: int = 1
    noise: float = 0.1
    views: int = 0
    seed: int = 0
    rotated: bool = True

    def write(self, folder: Path) -> Store:
        store = Store.create(folder)
        rng = np.random.default_rng(self.seed)
        half = self.dim // 2
        rotation = np.linalg.qr(rng.normal(size=(half, half)))[0]
        rotation = rotation if self.rotated else np.eye(half)
        shift = rng.normal(size=self.dim)
        ids, kinds, rows = [], [], []

        def add(item: str, kind: str, row: np.ndarray) -> None:
            ids.append(item)
            kinds.append(kind)
            rows.append(row)

        def real() -> np.ndarray:
            return np.concatenate([rng.normal(size=half), 2 * rng.normal(size=half)])

        for index in range(self.gallery):
            add(f"g{index:04}", "image", real())
        store.upsert("members", [{"collection": "gallery", "image_id": item} for item in ids])
        models, samples = [], []
        for split, count in (("train", self.train), ("val", self.val), ("test", self.test)):
            for number in range(count):
                model = f"{split}{number:03}"
                own = [f"e-{model}-{index}" for index in range(self.exemplars)]
                points = [real() for _ in own]
                for item, point in zip(own, points, strict=True):
                    add(item, "image", point)
                kind = "object" if number % 3 else "style"
                models.append(
                    {"model_id": model, "method": "custom-diffusion", "concept_kind": kind, "split": split}
                    | {"exemplar_ids": own}
                )
                for index in range(self.samples):
                    item = f"s-{model}-{index}"
                    signal = np.mean(points, axis=0)[:half] @ rotation
                    loud = 2 * rng.normal(size=half)
                    row = np.concatenate([signal, loud]) + shift + self.noise * rng.normal(size=self.dim)
                    add(item, "sample", row)
                    scheme = ("gpt", "media")[index % 2]
                    samples.append({"sample_id": item, "model_id": model, "scheme": scheme})
        store.upsert("models", models)
        store.upsert("samples", samples)
        table = store.ensure_vectors("made", self.dim)
        base = np.asarray(rows, np.float32)
        store.upsert(table, pa.table({"item_id": ids, "item_kind": kinds, "base": vectors(base)}))
        self._write_views(store, ids, base, rng)
        return store

    def _write_views(self, store: Store, ids: list[str], base: np.ndarray, rng: np.random.Generator) -> None:
        if not self.views:
            return
        table = store.ensure_views("made", self.dim)
        for view in range(self.views):
            noisy = base + 0.05 * rng.normal(size=base.shape)
            number = pa.array([view] * len(ids), pa.int32())
            store.upsert(table, pa.table({"item_id": ids, "view": number, "base": vectors(noisy)}))


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Store]:
    """Write a store made as `Made` says; each call makes another one."""
    count = iter(range(100))
    return lambda **made: Made(**made).write(tmp_path / f"store{next(count)}")


@pytest.fixture
def made(make_store) -> Store:
    return make_store()


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny matrices: threads only get in each other's way
    yield
    torch.set_num_threads(before)
