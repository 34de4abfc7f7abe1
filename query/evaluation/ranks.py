"""Ranks of exemplars in the pools of their samples, by counting instead of sorting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .counter import counter
from .counting import Thresholds, check_finite

TIE = 1e-9
"""Cosines no further apart than this are equal: the same vector at another length, or under another id,
comes out about 1e-16 apart."""


@dataclass(frozen=True)
class Pools:
    """Samples with their own exemplars, these by image id; what a gallery is needed for to rank them."""

    samples: NDArray[np.float32]  # (samples, dim) as stored
    offsets: NDArray[np.int64]  # (samples + 1,) where the exemplars of each sample start
    similarities: NDArray[np.float64]  # (pairs,) exact cosines, sample by sample
    in_gallery: NDArray[np.bool_]  # (pairs,) whether the exemplar is a gallery image too

    @property
    def owners(self) -> NDArray[np.int64]:
        """(pairs,) the sample of each pair."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass
class Ranking:
    """Ranks of the exemplars of `pools` once `run` has seen the whole gallery.

    A gallery image that ties with an exemplar (TIE) comes before it; exemplars that tie go by image id. An
    exemplar that is in the gallery too counts once, as an exemplar: what its twin row adds is taken off.

    Source: arXiv:2306.09345 section 5.
    """

    pools: Pools
    device: str = "cpu"
    threads: int | None = None
    ranks: NDArray[np.int64] = field(init=False)  # (pairs,) 1 is best; distinct within a sample
    places: NDArray[np.int64] = field(init=False)  # (pairs,) 1 is the best of the sample's exemplars

    def run(self, gallery: Iterable[NDArray[np.float32]]) -> Iterator[int]:
        """Count blocks (items, dim) of the gallery as stored; yields how many rows each had.

        Raises DataError for a vector that is not finite.
        """
        pools = self.pools
        order, thresholds, last = _by_similarity(pools)
        counts = counter(Thresholds(pools.samples, pools.offsets, thresholds), self.device, self.threads)
        yield from counts.run(gallery)
        starts = pools.offsets[pools.owners]
        twins = np.concatenate([[0], np.cumsum(pools.in_gallery[order])])
        place = np.arange(len(order)) - starts
        self.ranks, self.places = np.empty_like(order), np.empty_like(order)
        self.places[order] = 1 + place
        self.ranks[order] = 1 + counts.before - (twins[last + 1] - twins[starts]) + place


def _by_similarity(pools: Pools) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """The pairs of each sample from most to least similar, those that tie by image id.

    Exemplars that tie, each with the one before it, share one threshold: that of the least similar.

    Returns:
        order: (pairs,) the pair at each position; samples stay in place.
        thresholds: (pairs,) a gallery image at or above it comes before the exemplar at this position.
        last: (pairs,) the last position that ties with this one.
    """
    owners, pairs = pools.owners, len(pools.similarities)
    order = np.lexsort((-pools.similarities, owners))
    sorted_ = pools.similarities[order]
    lower = sorted_ - TIE
    new = np.ones(pairs, bool)
    new[1:] = (owners[1:] != owners[:-1]) | (sorted_[1:] < lower[:-1])
    group = np.cumsum(new) - 1
    ends = np.append(np.flatnonzero(new)[1:], pairs) - 1
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
    found = np.empty(len(pairs))
    pair_cosines(samples, norms[0], exemplars, norms[1], pairs, found)
    return found
