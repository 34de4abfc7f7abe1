"""Ranks of some images in the pools of samples, each of which has equally many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...query.evaluation.cases import Sample
from ...query.evaluation.pools import load_pools
from ...query.evaluation.ranks import ExemplarRanks
from ...query.features import FeatureReader, ImageSet


def rank_images(
    samples: Sequence[Sample], features: FeatureReader, pool: ImageSet
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ranks and similarities (samples, exemplars) of the exemplars of each sample, in their order.

    Args:
        samples: each with the same number of exemplars, which are in its pool whether in `pool` or not.
        features: of an encoder and mapper.
        pool: the other images.

    Raises ConflictError for an item without a vector.
    """
    if not samples:
        return np.zeros((0, 1), np.int64), np.zeros((0, 1))
    ordered = [one._replace(exemplars=tuple(sorted(one.exemplars))) for one in samples]
    pools = load_pools(ordered, features, pool)
    counted = ExemplarRanks(pools.vectors)
    for _ in counted.run(pool.raw_blocks()):
        pass
    places = np.array([np.argsort(np.argsort(one.exemplars)) for one in samples])
    ranks = counted.ranks.reshape(places.shape)
    similarities = pools.vectors.similarities.reshape(places.shape)
    return np.take_along_axis(ranks, places, axis=1), np.take_along_axis(similarities, places, axis=1)
