"""Ranks of exemplars in the pools of their samples, by counting instead of sorting."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TIE = np.float32(1e-6)
"""Similarities closer than this are equal: float32 products of one pair of vectors differ by about 1e-7
with the shape of the matrices they are computed in, and a copy of an exemplar must tie with it."""


def exemplar_similarities(
    queries: NDArray[np.float32], exemplars: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Similarities (samples, exemplars) of unit rows, computed in float64 so that batching cannot show."""
    return (queries.astype(np.float64) @ exemplars.astype(np.float64).T).astype(np.float32)


def exemplar_ranks(
    queries: NDArray[np.float32],
    similarities: NDArray[np.float32],
    gallery: Iterable[NDArray[np.float32]],
    own: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rank of each exemplar in its own sample's pool: the gallery and the sample's exemplars.

    Args:
        queries: (samples, dim) unit rows.
        similarities: (samples, exemplars) of each sample to its own exemplars, these ordered by image id;
            NaN where a sample has fewer.
        gallery: blocks (items, dim) of unit rows, streamed; never all in memory.
        own: (pairs, 2): (row of `queries`, index into the gallery) of each exemplar that is also in the
            gallery; it counts once, as an exemplar.

    Returns:
        (samples, exemplars) int64, 1 is best; 0 where `similarities` is NaN. The ranks of one sample
        are distinct: gallery images that tie (TIE) come before an exemplar, exemplars that tie go by id.

    Source: arXiv:2306.09345 section 5.
    """
    before = np.zeros(similarities.shape, np.int64)
    threshold = similarities - TIE
    start = 0
    for block in gallery:
        scores = queries @ block.T
        inside = (own[:, 1] >= start) & (own[:, 1] < start + len(block))
        scores[own[inside, 0], own[inside, 1] - start] = -np.inf
        for column in range(threshold.shape[1]):
            before[:, column] += np.count_nonzero(scores >= threshold[:, column, None], axis=1)
        start += len(block)
    ranks = 1 + before + _places_among_exemplars(similarities)
    return np.where(np.isnan(similarities), 0, ranks)


def _places_among_exemplars(similarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """0 for a sample's most similar exemplar and so on; equal ones keep their order, NaN comes last."""
    order = np.argsort(-similarities, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable").astype(np.int64)
