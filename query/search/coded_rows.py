"""The images of an index in 8 bits and in 1 bit a number, one partition after the other.

A query is compared with the signs of all rows of the nearest partitions, with the 8 bits of the best of them,
and the best of those are to be compared in full. Lance's search of the same partitions takes longer: most of
that is planning, and its objects. Measured for 1,000,000 x 512: an estimate by 8 bits is within 0.002 of the
similarity, one by signs within 0.025 (standard deviation), and reads an eighth of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .topk import Floats, Positions

CHECKED_ROWS, CHECKED_ERROR = 64, 0.02
"""So many rows are compared with the stored vectors when a file is opened; none may be farther off, and no
larger share of their signs be others."""

LIKELY, LIKELY_MORE = 4, 320
"""Rows that are compared by 8 bits, the best by their signs: so many times those wanted, and so many more.
Measured for 20 of 1,000,000: they hold all that all rows of these partitions hold; half of them 0.9995."""

SAMPLED_ROWS, DEVIATIONS = 256, 4
"""Rows that show how far estimates by signs are off; standard deviations of it that are allowed for."""

FEW_SHARE = 0.001
"""Of the rows found above a floor: partitions that add fewer are the last to be searched."""

Codes = NDArray[np.int8]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class CodedRows:
    """The images of an index, partition by partition. Those that the index does not cover come first.

    Attributes:
        centres: (partitions, dim) unit rows.
        ends: (1 + partitions,) where each of these pieces ends.
        rows: (images,) int32, the row of the space at each place.
        factors: (images,) what makes a row of `codes` one of unit length.
        codes: (images, dim).
        order: of the rotation, as `flips`, see `sign_kernels.rotate`.
        rotated_centres: (partitions, padded).
        signs: (images, words) uint64, see `sign_kernels`.
        terms: (images, 3).
    """

    centres: Floats
    ends: Whole
    rows: NDArray[np.int32]
    factors: Floats
    codes: Codes
    order: NDArray[np.int32]
    flips: Floats
    rotated_centres: Floats
    signs: NDArray[np.uint64]
    terms: Floats

    def nearest(
        self, query: Floats, count: int, nprobes: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[Positions, Floats]:
        """About the `count` rows of the `nprobes` nearest partitions most similar to a unit `query` (dim,).

        `allowed`: (images,) which places may be returned, see `in_places`.

        Returns:
            (found,) rows of the space, the most similar first, up to `count`; and 1 - their similarities.
        """
        asked = _Question(self, query, allowed)
        pieces = np.append(0, 1 + np.sort(_largest(asked.near[1:], nprobes)))
        likely = LIKELY * count + LIKELY_MORE
        if 2 * likely < (self.ends[pieces] - self.starts(pieces)).sum():
            places, found = asked.by_signs(pieces)
            places = np.sort(places[_largest(found, likely)])
        else:
            places = asked.places_in(pieces)
        found = asked.by_codes(places)
        best = _largest(found, count)
        return self._answer(places[best], found[best])

    def above(
        self, query: Floats, floor: float, nprobes: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[Positions, Floats]:
        """The rows whose similarity to `query` is about `floor` or more; else as `nearest`.

        Of the `nprobes` nearest partitions, and of the next ones, each time as many as before, until these
        have next to none.
        """
        asked = _Question(self, query, allowed)
        order = np.append(0, 1 + np.argsort(-asked.near[1:]))
        margin, start, end = None, 0, 1 + nprobes
        held: list[tuple[Positions, Floats]] = []
        while True:
            places, found = asked.by_signs(np.sort(order[start:end]))
            if margin is None and len(places):
                margin = asked.margin(places, found)
            places = places[found >= floor - (margin or 0)]
            found = asked.by_codes(places)
            chosen = found >= floor
            held.append((places[chosen], found[chosen]))
            before = sum(len(one) for one, _ in held[:-1])
            if end >= len(order) or len(held[-1][0]) < FEW_SHARE * before:
                break
            start, end = end, 2 * end
        return self._answer(
            np.concatenate([one for one, _ in held]), np.concatenate([one for _, one in held])
        )

    def starts(self, pieces: Whole) -> Whole:
        """(pieces,) where each of these begins."""
        return np.where(pieces > 0, self.ends[pieces - 1], 0)

    def _answer(self, places: Positions, found: Floats) -> tuple[Positions, Floats]:
        """What `nearest` returns, of places (n,) and similarities (n,)."""
        distances = 1 - found
        order = np.lexsort((places, distances))
        return self.rows[places[order]].astype(np.int64), distances[order]

    def in_places(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """(images,) a mask over the rows of the space as one over places; None where it holds all."""
        return None if mask.all() else mask[self.rows]

    def agrees(self, unit_rows: Callable[[Positions], Floats]) -> bool:
        """Whether some rows are those that `unit_rows` reads by their numbers (n,), (n, dim)."""
        from .sign_kernels import encode_signs

        places = np.linspace(0, len(self.rows) - 1, min(CHECKED_ROWS, len(self.rows))).astype(int)
        if not len(places):
            return True
        places = places[np.argsort(self.rows[places])]
        unit = unit_rows(self.rows[places].astype(np.int64))
        coded = self.codes[places].astype(np.float32) * self.factors[places, None]
        pieces = np.searchsorted(self.ends, places, side="right")
        centres = np.where(pieces[:, None] > 0, self.centres[pieces - 1], np.float32(0))
        signs, terms = np.empty_like(self.signs[places]), np.empty_like(self.terms[places])
        encode_signs(unit, np.arange(len(places)), centres, self.order, self.flips, signs, terms)
        other = np.unpackbits((signs ^ self.signs[places]).view(np.uint8)).mean()
        close = np.abs((terms - self.terms[places])[:, :2]).max()
        return bool(max(np.abs(coded - unit).max(), close, other) < CHECKED_ERROR)


class _Question:
    """A unit `query` (dim,) that is compared with coded rows.

    Attributes:
        near: (1 + partitions,) its similarity to the centre of each piece, 0 for the first, which has none.
    """

    def __init__(self, coded: CodedRows, query: Floats, allowed: NDArray[np.bool_] | None) -> None:
        from .coded_kernels import LARGEST, similarities_of

        self._coded, self._query = coded, query
        self._mask = np.zeros(0, bool) if allowed is None else allowed
        self.near = np.zeros(1 + len(coded.centres), np.float32)
        similarities_of(coded.centres, query, self.near[1:])
        largest = float(np.abs(query).max()) or 1.0
        self._code = np.rint(query * (LARGEST / largest)).astype(np.int16), largest / LARGEST

    def places_in(self, pieces: Whole) -> Positions:
        """The places (n,) in some pieces, rising, that count."""
        starts, ends = self._coded.starts(pieces), self._coded.ends[pieces]
        places = np.concatenate([np.arange(*span) for span in zip(starts, ends, strict=True)])
        return places[self._mask[places]] if len(self._mask) else places

    def by_signs(self, pieces: Whole) -> tuple[Positions, Floats]:
        """The places (n,) in some pieces, rising, and estimates by signs."""
        from .sign_kernels import estimate_by_signs

        coded, spans = self._coded, self._spans(pieces)
        centres = np.zeros((len(pieces), len(self._rotated)), np.float32)
        inner = pieces > 0
        centres[inner] = coded.rotated_centres[pieces[inner] - 1]
        held = estimate_by_signs(coded.signs, coded.terms, self._rotated, self.near[pieces], centres, *spans)
        return spans[-2][:held], spans[-1][:held]

    def margin(self, places: Positions, found: Floats) -> float:
        """How far estimates by signs (n,) of the rows at places (n,) may be below those by 8 bits."""
        sample = np.arange(0, len(places), max(1, len(places) // SAMPLED_ROWS))
        return DEVIATIONS * float((found[sample] - self.by_codes(places[sample])).std())

    def by_codes(self, places: Positions) -> Floats:
        """Estimates (n,) by 8 bits of the rows at places (n,)."""
        from .coded_kernels import estimate

        found, (code, factor) = np.empty(len(places), np.float32), self._code
        estimate(self._coded.codes, self._coded.factors, code, factor, places, found)
        return found

    @cached_property
    def _rotated(self) -> Floats:
        from .sign_kernels import rotate

        rotated = np.empty(self._coded.order.shape[1], np.float32)
        rotate(self._query, self._coded.order, self._coded.flips, rotated)
        return rotated

    def _spans(self, pieces: Whole) -> tuple[Whole, Whole, NDArray[np.bool_], Positions, Floats]:
        """Where pieces start and end, which places count, and room for what is found."""
        starts, ends = self._coded.starts(pieces), self._coded.ends[pieces]
        most = int((ends - starts).sum())
        return starts, ends, self._mask, np.empty(most, np.int64), np.empty(most, np.float32)


def _largest(values: Floats, count: int) -> Whole:
    """Where the `count` largest are, in no order; all where there are fewer."""
    if count >= len(values):
        return np.arange(len(values))
    return np.argpartition(values, len(values) - count)[len(values) - count :]
