"""The published protocol, written as plainly as possible: concatenate, multiply, sort, read off.

Section 5 of arXiv:2306.09345, in float64, one sample at a time; the reference that the store is held to.
"""

import numpy as np
from sklearn.metrics import average_precision_score

RECALLS = (5, 10, 100)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def sample_metrics(sample, gallery, exemplars):
    """(recall@5, @10, @100, AP) of one sample; unit rows; ties go against the exemplars."""
    pool = np.concatenate([gallery, exemplars])
    scores = np.round(pool @ sample, 12)
    right = np.arange(len(pool)) >= len(gallery)
    order = np.lexsort((right, -scores))  # among equals, the gallery first
    hits = right[order]
    recalls = [hits[:k].sum() / len(exemplars) for k in RECALLS]
    places = np.empty(len(pool))
    places[order] = -np.arange(len(pool))
    return *recalls, average_precision_score(right, places)


def metrics(samples, owners, gallery, exemplars_of, in_gallery):
    """Means over the samples of one scheme.

    owners: the model of each sample; exemplars_of: unit rows of each model; in_gallery: gallery rows that
    are an exemplar of each model, which count once.
    """
    rows = [
        sample_metrics(sample, np.delete(gallery, in_gallery[owner], axis=0), exemplars_of[owner])
        for sample, owner in zip(samples, owners, strict=True)
    ]
    return np.mean(rows, axis=0)


def influence(scores, inv_tau, bias):
    """What the authors' calibrator gives to each of `scores`: a truncated softmax, eq. 6."""
    powers = np.exp((scores - scores.max()) * inv_tau)
    kept = np.maximum(powers + 0.001 * bias, 0)
    return kept / kept.sum()
