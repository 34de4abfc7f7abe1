"""Ranks of exemplars in the pools of their samples, by counting instead of sorting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .counter import make_counter
from .counting import Thresholds, check_finite

TIE = 1e-9
"""Cosines no further apart than this are equal: the same vector at another length, or under another id,
comes out about 1e-16 apart."""


@dataclass(frozen=True)
class PoolVectors:
    """The part of some samples' pools that is their own: vectors, and similarities of their exemplars.

    A pair is a sample and one of its exemplars, sample by sample, in order of image id.
    """

    samples: NDArray[np.float32]  # (samples, dim) as stored
    offsets: NDArray[np.int64]  # (samples + 1,) where the exemplars of each sample start
    similarities: NDArray[np.float64]  # (pairs,) exact cosines
    in_gallery: NDArray[np.bool_]  # (pairs,) whether the exemplar is a gallery image too

    @property
    def owners(self) -> NDArray[np.int64]:
        """(pairs,) the sample of each pair."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass
class ExemplarRanks:
    """Ranks of the exemplars of `pools`, once `run` has counted the whole gallery.

    A gallery image that ties with an exemplar (TIE) comes before it; exemplars that tie go by image id. An
    exemplar that is in the gallery too counts once, as an exemplar: the count of its own row is subtracted.

    Source: arXiv:2306.09345 section 5.
    """

    pools: PoolVectors
    device: str = "cpu"
    threads: int | None = None
    ranks: NDArray[np.int64] = field(init=False)  # (pairs,) 1 is best; distinct within a sample
    places: NDArray[np.int64] = field(init=False)  # (pairs,) 1 is the best of the sample's exemplars

    def run(self, gallery: Iterable[NDArray[np.float32]]) -> Iterator[int]:
        """Count blocks (items, dim) of the gallery as stored; yields how many rows each had.

        Raises DataError for a vector that is not finite.
        """
        pools = self.pools
        order, thresholds, last = _sort_by_similarity(pools)
        counts = make_counter(Thresholds(pools.samples, pools.offsets, thresholds), self.device, self.threads)
        yield from counts.run(gallery)
        starts = pools.offsets[pools.owners]
        own_rows = np.concatenate([[0], np.cumsum(pools.in_gallery[order])])
        place = np.arange(len(order)) - starts
        self.ranks, self.places = np.empty_like(order), np.empty_like(order)
        self.places[order] = 1 + place
        self.ranks[order] = 1 + counts.before - (own_rows[last + 1] - own_rows[starts]) + place


def _sort_by_similarity(
    pools: PoolVectors,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """The pairs of each sample from most to least similar, those that tie by image id.

    Exemplars that tie, each with the one before it, share one threshold: that of the least similar.

    Returns:
        order: (pairs,) the pair at each position; samples stay in place.
        thresholds: (pairs,) a gallery image at or above it comes before the exemplar at this position.
        last: (pairs,) the last position that ties with this one.
    """
    owners, pairs = pools.owners, len(pools.similarities)
    order = np.lexsort((-pools.similarities, owners))
    falling = pools.similarities[order]
    lower = falling - TIE
    starts_group = np.ones(pairs, bool)
    starts_group[1:] = (owners[1:] != owners[:-1]) | (falling[1:] < lower[:-1])
    group = np.cumsum(starts_group) - 1
    ends = np.append(np.flatnonzero(starts_group)[1:], pairs) - 1
    last = ends[group] if pairs else np.zeros(0, np.int64)
    order = order[np.lexsort((order, group))]
    return order, lower[last], last


def exact_cosines(
    samples: NDArray[np.float32], exemplars: NDArray[np.float32], pairs: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(pairs,) cosines of rows as stored, in float64.

    Args:
        samples: (samples, dim).
        exemplars: (exemplars, dim).
        pairs: (pairs, 2) rows of both.

    Raises DataError for a vector that is not finite.
    """
    from .kernels import lengths, pair_cosines

    norms = [np.empty(len(rows)) for rows in (samples, exemplars)]
    for rows, norm, what in zip((samples, exemplars), norms, ("a sample", "an exemplar"), strict=True):
        lengths(rows, norm)
        check_finite(norm, what)
    cosines = np.empty(len(pairs))
    pair_cosines(samples, norms[0], exemplars, norms[1], pairs, cosines)
    return cosines
