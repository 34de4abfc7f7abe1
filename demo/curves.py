"""Mean influence by rank, before and after calibration: the shape of figure 11."""

import numpy as np

from ..query import attribute_many
from ..store import Store
from .findings import BEST, middle_samples

DEPTH = 200
DEEP = 1_000_000  # more than the demo has images: the curve before calibration needs them all
SAMPLES = 40


def influence_curves(store: Store, encoder: str) -> tuple[list[float], list[float]]:
    """(before, after), each the mean influence of rank 1 to DEPTH over test samples; mapped features.

    Before is a plain softmax over the same similarities (tau = 1, lambda = 0 in eq. 6).
    """
    before, after = [], []
    samples = _some_samples(store, encoder)
    for whole in attribute_many(store, samples, encoder=encoder, mapper=BEST, k=DEEP):
        scores = np.array([result.similarity for result in whole.results])
        plain = np.exp(scores - scores[0])
        before.append((plain / plain.sum())[:DEPTH])
        after.append(np.array([result.influence or 0.0 for result in whole.results[:DEPTH]]))
    return np.mean(before, axis=0).tolist(), np.mean(after, axis=0).tolist()


def _some_samples(store: Store, encoder: str) -> list[str]:
    """The middle sample of up to SAMPLES test models, evenly over the list."""
    ids = [row["sample_id"] for row in middle_samples(store, encoder)]
    return ids[:: max(1, len(ids) // SAMPLES)]
