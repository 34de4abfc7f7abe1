"""Evaluation pools: vectors of samples and of their own exemplars, and where these are in the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features import FeatureReader, ImageSet
from .cases import Sample
from .ranks import PoolVectors, exact_cosines


@dataclass(frozen=True)
class SamplePools:
    """Samples with their own exemplars. A pair is a sample and one of its exemplars, in order of image id."""

    samples: tuple[Sample, ...]
    vectors: PoolVectors
    images: tuple[str, ...]  # (pairs,) the exemplar
    gallery_positions: NDArray[np.int64]  # (pairs,) its row among the gallery's; -1 where it is not in there

    @property
    def owners(self) -> NDArray[np.int64]:
        """(pairs,) the index of the sample."""
        return self.vectors.owners

    @property
    def exemplar_counts(self) -> NDArray[np.int64]:
        """(samples,) how many exemplars each sample has."""
        return np.diff(self.vectors.offsets)

    def sizes(self, gallery: int) -> NDArray[np.int64]:
        """(samples,) images in each pool: `gallery` of them and the exemplars that are not in the gallery."""
        outside = self.owners[self.gallery_positions < 0]
        return gallery + np.bincount(outside, minlength=len(self.samples))


def rankable(samples: Sequence[Sample], features: FeatureReader) -> list[Sample]:
    """Those of `samples` that have a vector and exemplars."""
    positions = features.positions([sample.sample_id for sample in samples])
    return [
        sample
        for sample, position in zip(samples, positions, strict=True)
        if position >= 0 and sample.exemplars
    ]


def load_pools(samples: Sequence[Sample], features: FeatureReader, gallery: ImageSet) -> SamplePools:
    """Read the vectors of rankable samples and of their exemplars.

    Raises ConflictError for an exemplar without a vector: its rank would be unknown, not bad. DataError for
    a vector that is not finite.
    """
    images = tuple(image for sample in samples for image in sample.exemplars)
    offsets = np.cumsum([0, *(len(sample.exemplars) for sample in samples)], dtype=np.int64)
    rows = features.raw([sample.sample_id for sample in samples])
    gallery_positions = gallery.indices(images)
    owners = np.repeat(np.arange(len(samples)), np.diff(offsets))
    vectors = PoolVectors(
        samples=rows,
        offsets=offsets,
        similarities=_similarities(rows, owners, images, features),
        in_gallery=gallery_positions >= 0,
    )
    return SamplePools(tuple(samples), vectors, images, gallery_positions)


def _similarities(
    rows: NDArray[np.float32], owners: NDArray[np.int64], images: Sequence[str], features: FeatureReader
) -> NDArray[np.float64]:
    """(pairs,) exact cosines."""
    distinct = sorted(set(images))
    index = {image: at for at, image in enumerate(distinct)}
    pairs = np.stack([owners, np.array([index[image] for image in images], np.int64)], axis=1)
    return exact_cosines(rows, features.raw(distinct), pairs)
