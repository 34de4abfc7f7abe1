"""Owners by a field of the images' rights, category, collection or metadata: influence and best matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import ConflictError
from ...store.ids import vectors_table
from ..image_fields import read_field
from ..search.topk import RESCORED_ROWS, Floats, exact_similarities
from .answer import Answer, OwnerShare
from .request import check_owner_field

if TYPE_CHECKING:
    from ...store import Store
    from ..search import Pool, SearchSpace
    from ..session import Snapshot
    from .influence import Candidates


@dataclass(frozen=True)
class Owners:
    """The owners of the images of a space, by one field.

    Row r of the space has the owners `codes[starts[r]:starts[r + 1]]`, positions in `names`. Code 0 is the
    name None, of images without an owner.
    """

    names: list[str | None]
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The owners of `rows` (n,): the position in `rows` and the code of each pair of image and owner."""
        counts = self.starts[rows + 1] - self.starts[rows]
        before = np.cumsum(counts) - counts
        positions = np.arange(int(counts.sum())) + np.repeat(self.starts[rows] - before, counts)
        return np.repeat(np.arange(len(rows)), counts), self.codes[positions]


@dataclass(frozen=True)
class PoolOwners:
    """The owners of the images of a pool of `space`; `owned` (names,) is the share of it that each has."""

    space: SearchSpace
    owners: Owners
    owned: NDArray[np.float64]

    @classmethod
    def read(cls, snapshot: Snapshot, space: SearchSpace, pool: Pool, by: str) -> PoolOwners:
        """The owners by the field `by`. An image in several collections counts in each."""
        owners = read_owners(snapshot, space, by)
        _, codes = owners.of(np.flatnonzero(pool.mask))
        return cls(space, owners, np.bincount(codes, minlength=len(owners.names)) / max(1, pool.size))

    def shares(self, found: Candidates, vector: Floats) -> tuple[OwnerShare, ...]:
        """The owners of distinct images, largest influence first; without influence by their best match.

        `vector` (dim,) is the question's.
        """
        at, codes = self.owners.of(found.rows)
        count = len(self.owners.names)
        images = np.bincount(codes, minlength=count)
        sums = None if found.influence is None else np.bincount(codes, found.influence[at], count)
        best, similarities = self._best_matches(found, vector, at, codes)
        shares = [
            OwnerShare(
                name=self.owners.names[code],
                influence=None if sums is None else float(sums[code]),
                images=int(images[code]),
                owned=float(self.owned[code]),
                similarity=float(similarities[code]),
                image_id=self.space.ids[int(best[code])].as_py(),
            )
            for code in np.flatnonzero(images)
        ]
        return tuple(sorted(shares, key=_order))

    def _best_matches(
        self, found: Candidates, vector: Floats, at: NDArray[np.int64], codes: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats]:
        """(names,) the row of each owner's most similar image, ties by image id, and its similarity.

        `at` and `codes` are the pairs of image and owner. Computed exactly, unless that would take a second
        scan: of more images than RESCORED_ROWS the rounding of the first one may decide.
        """
        similarities = found.similarities[at]
        near = np.flatnonzero(similarities >= self._most(codes, similarities)[codes] - self.space.margin)
        rows, codes, similarities = found.rows[at[near]], codes[near], similarities[near]
        distinct = np.unique(rows)
        if len(distinct) <= RESCORED_ROWS:
            ((_, exact),) = exact_similarities(self.space.unit_rows, vector[None], [distinct])
            similarities = exact[np.searchsorted(distinct, rows)]
        most = self._most(codes, similarities)
        top = np.flatnonzero(similarities == most[codes])
        best = np.full(len(most), -1, np.int64)
        best[codes[top]] = rows[top]
        tied = top[np.bincount(codes[top], minlength=len(most))[codes[top]] > 1]
        ids = self.space.ids.take(pa.array(rows[tied])).to_pylist()
        for _, position in sorted(zip(ids, tied.tolist(), strict=True), reverse=True):
            best[codes[position]] = rows[position]  # the first by id is written last
        return best, most

    def _most(self, codes: NDArray[np.int64], similarities: Floats) -> Floats:
        """(names,) the largest of the similarities of each owner's images."""
        most = np.full(len(self.owners.names), -np.inf, np.float32)
        np.maximum.at(most, codes, similarities)
        return most


def _order(share: OwnerShare) -> tuple[float, str]:
    return (-share.similarity if share.influence is None else -share.influence, share.name or "")


def influence_by(store: Store, answer: Answer, by: str = "creator") -> list[OwnerShare]:  # noqa: ARG001
    """Influence over the whole pool, summed by one of OWNER_FIELDS or `metadata.NAME`.

    Largest first; where nothing is calibrated, influence is None and owners are sorted by their best match
    among all images that were compared.

    Names are those at the versions of the answer. An image in several collections counts in each, so only the
    shares of collections can sum above 1.

    Raises InvalidInputError for any other field, ConflictError for an answer that has only its results.
    """
    check_owner_field(by)
    if not answer.results or (answer.by == by and answer.shares):
        return list(answer.shares)
    compared = answer.compared
    if compared is None:
        raise ConflictError(
            "the answer has no influence of images that it does not list",
            hint=f"ask with by={by!r}, or one question at a time",
        )
    owners = PoolOwners.read(compared.snapshot, compared.space, compared.pool, by)
    return list(owners.shares(compared.found, compared.vector))


def read_owners(snapshot: Snapshot, space: SearchSpace, by: str) -> Owners:
    """The owners of the images of `space`, cached by table version.

    Raises UnknownFieldError for a field of the metadata that no image has.
    """
    table = "members" if by == "collection" else "images"
    encoder, mapper = space.encoder, space.mapper
    key = "owners", by, encoder, mapper
    owners = snapshot.cached(key, lambda: _read(snapshot, space, table, by), vectors_table(encoder), table)
    snapshot.register_warmup(key, lambda new: read_owners(new, new.space(encoder, mapper), by))
    return owners


def _read(snapshot: Snapshot, space: SearchSpace, table: str, by: str) -> Owners:
    field = read_field(snapshot.pinned, by, table)
    found = pc.index_in(field.image_ids, value_set=space.ids)
    coded = pc.dictionary_encode(field.values)
    known = pc.and_(found.is_valid(), coded.indices.is_valid())
    pa.default_memory_pool().release_unused()  # the hash table of a million ids
    rows = found.filter(known).to_numpy().astype(np.int64)
    codes = coded.indices.filter(known).to_numpy().astype(np.int64) + 1  # 0 is no name
    unnamed = np.setdiff1d(np.arange(len(space.ids)), rows)
    rows, codes = np.concatenate([rows, unnamed]), np.concatenate([codes, np.zeros(len(unnamed), np.int64)])
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(space.ids) + 1))
    return Owners([None, *coded.dictionary.to_pylist()], codes[order], starts)
