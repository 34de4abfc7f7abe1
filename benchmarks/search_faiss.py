"""FAISS's indexes that `search.py` sets beside ours, with the settings that are tried for each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import faiss
import numpy as np

PROBED, RESCORED = (8, 16, 32, 64, 128, 256), (5, 10, 20, 40, 80)
LINKS, CONSTRUCTED, SEARCHED = 32, 200, (16, 32, 64, 128, 256, 512, 1024, 2048)

Ask = Callable[[np.ndarray, int], np.ndarray]
"""Rows (1, k) of vectors (1, dim) and k."""


@dataclass(frozen=True)
class Peer:
    """An index of FAISS."""

    name: str
    ask: Ask
    efforts: Sequence[Any]
    set_effort: Callable[[Any], str]  # what it is set to, in words
    megabytes: str
    build: float  # seconds


def ivf(name: str, gallery: np.ndarray) -> Peer:
    """IVF with PQ or RaBitQ codes; the best candidates are rescored from the vectors of `gallery`."""
    count, dim = gallery.shape
    lists = int(2 ** round(np.log2(4 * count**0.5)))
    began = time.perf_counter()
    coarse = faiss.IndexFlatIP(dim)
    if name == "IVF-PQ":
        index = faiss.IndexIVFPQ(coarse, dim, lists, dim // 8, 8, faiss.METRIC_INNER_PRODUCT)
    else:
        index = faiss.IndexIVFRaBitQ(coarse, dim, lists, faiss.METRIC_INNER_PRODUCT)
        index.qb = 8
    chosen = np.random.default_rng(0).choice(count, min(count, 40 * lists), replace=False)
    index.train(gallery[chosen])
    index.add(gallery)
    build = time.perf_counter() - began
    refined = faiss.IndexRefineFlat(index, faiss.swig_ptr(gallery))
    size = f"{faiss.serialize_index(index).nbytes / 1e6:.0f} (+{gallery.nbytes / 1e6:.0f})"

    def set_effort(effort: tuple[int, int]) -> str:
        index.nprobe, refined.k_factor = effort
        return f"{lists} lists, {effort[0]} probed, {effort[1]} k rescored"

    efforts = list(itertools.product(PROBED, RESCORED))
    return Peer(f"faiss {name}", partial(_rows, refined), efforts, set_effort, size, build)


def hnsw(gallery: np.ndarray) -> Peer:
    """HNSW over the float32 vectors."""
    began = time.perf_counter()
    index = faiss.IndexHNSWFlat(gallery.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = CONSTRUCTED
    index.add(gallery)
    build = time.perf_counter() - began
    size = f"{(gallery.nbytes + len(gallery) * 4 * 2 * LINKS) / 1e6:.0f}"

    def set_effort(effort: int) -> str:
        index.hnsw.efSearch = effort
        return f"{LINKS} links, {CONSTRUCTED} to build, {effort} to search"

    return Peer("faiss HNSW", partial(_rows, index), SEARCHED, set_effort, size, build)


def _rows(index: faiss.Index, vector: np.ndarray, k: int) -> np.ndarray:
    return index.search(vector, k)[1]


PEERS = {"IVF-RaBitQ": partial(ivf, "IVF-RaBitQ"), "IVF-PQ": partial(ivf, "IVF-PQ"), "HNSW": hnsw}
"""What builds each, from unit vectors (n, dim)."""
