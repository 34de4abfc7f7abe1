"""A shard of samples as vectors, with what is needed to place their exemplars in the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features import Candidates, Features
from .cases import Sample
from .ranks import Pools, exact_cosines


@dataclass(frozen=True)
class Shard:
    """Samples with their own exemplars: a pair is a sample and one of its exemplars, these by image id."""

    samples: tuple[Sample, ...]
    pools: Pools
    images: tuple[str, ...]  # (pairs,) the exemplar
    places: NDArray[np.int64]  # (pairs,) where the exemplar is in the gallery; -1 where it is not

    @property
    def owners(self) -> NDArray[np.int64]:
        """(pairs,) the index of the sample."""
        return self.pools.owners

    def pool_sizes(self, gallery: int) -> NDArray[np.int64]:
        """(samples,) how many images each pool has: the gallery and the exemplars that are not in it."""
        return gallery + np.bincount(self.owners[self.places < 0], minlength=len(self.samples))


def answerable(samples: Sequence[Sample], features: Features) -> list[Sample]:
    """Those that have a vector and exemplars."""
    places = features.positions([sample.sample_id for sample in samples])
    return [sample for sample, place in zip(samples, places, strict=True) if place >= 0 and sample.exemplars]


def load_shard(samples: Sequence[Sample], features: Features, gallery: Candidates) -> Shard:
    """Answerable samples with their vectors.

    Raises ConflictError for an exemplar without a vector: its rank would be unknown, not bad. DataError for
    a vector that is not finite.
    """
    images = tuple(image for sample in samples for image in sample.exemplars)
    offsets = np.cumsum([0, *(len(sample.exemplars) for sample in samples)], dtype=np.int64)
    rows = features.raw([sample.sample_id for sample in samples])
    places = gallery.indices(images)
    owners = np.repeat(np.arange(len(samples)), np.diff(offsets))
    pools = Pools(
        samples=rows,
        offsets=offsets,
        similarities=_similarities(rows, owners, images, features),
        in_gallery=places >= 0,
    )
    return Shard(samples=tuple(samples), pools=pools, images=images, places=places)


def _similarities(
    rows: NDArray[np.float32], owners: NDArray[np.int64], images: Sequence[str], features: Features
) -> NDArray[np.float64]:
    """(pairs,) exact cosines."""
    distinct = sorted(set(images))
    index = {image: at for at, image in enumerate(distinct)}
    pairs = np.stack([owners, np.array([index[image] for image in images], np.int64)], axis=1)
    return exact_cosines(rows, features.raw(distinct), pairs)
