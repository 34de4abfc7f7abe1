"""Influence per owner: summed by creator, license, category or collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import ConflictError
from ...store.ids import vectors_table
from .answer import Answer, OwnerShare
from .request import check_field

if TYPE_CHECKING:
    from ...store import Store
    from ..search import SearchSpace
    from ..session import Snapshot


@dataclass(frozen=True)
class Owners:
    """What the images of a space have in common, by one field.

    Row r of the space has the owners `codes[starts[r]:starts[r + 1]]`, places in `names`; none is no name.
    """

    names: list[str | None]
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]

    def shares(self, rows: NDArray[np.int64], influence: NDArray[np.float64]) -> tuple[OwnerShare, ...]:
        """Influence (n,) of distinct `rows` (n,) per owner, largest first."""
        counts = self.starts[rows + 1] - self.starts[rows]
        before = np.cumsum(counts) - counts
        places = np.arange(int(counts.sum())) + np.repeat(self.starts[rows] - before, counts)
        codes, weights = self.codes[places], np.repeat(influence, counts)
        sums = np.bincount(codes, weights, len(self.names))
        images = np.bincount(codes, minlength=len(self.names))
        found = [
            OwnerShare(self.names[code], float(sums[code]), int(images[code]))
            for code in np.flatnonzero(images)
        ]
        return tuple(sorted(found, key=lambda share: (-share.influence, share.name or "")))


def influence_by(store: Store, answer: Answer, by: str = "creator") -> list[OwnerShare]:  # noqa: ARG001
    """Influence over the whole pool, summed by creator, license, category or collection; largest first.

    Names are those at the versions that were asked. An image in several collections counts in each, so only
    the shares of collections can sum above 1. Empty where nothing was calibrated.

    Raises InvalidInputError for any other field, ConflictError for an answer that has only its results.
    """
    check_field(by)
    if answer.tau is None or not answer.results or (answer.by == by and answer.shares):
        return list(answer.shares)
    if answer.weighed is None:
        raise ConflictError(
            "the answer no longer knows the influence of what it does not list",
            hint=f"ask with by={by!r}, or one question at a time",
        )
    weighed = answer.weighed
    owners = owners_of(weighed.snapshot, weighed.space, by)
    return list(owners.shares(weighed.rows, weighed.influence))


def owners_of(snapshot: Snapshot, space: SearchSpace, by: str) -> Owners:
    """The owners of the images of `space`, read once a version of the store."""
    table = "members" if by == "collection" else "images"
    encoder, mapper = space.encoder, space.mapper
    snapshot.register_warmup(
        ("owners", by, encoder, mapper), lambda new: owners_of(new, new.space(encoder, mapper), by)
    )
    return snapshot.cached(
        ("owners", by, space.encoder, space.mapper),
        lambda: _read(snapshot, space, table, by),
        vectors_table(space.encoder),
        table,
    )


def _read(snapshot: Snapshot, space: SearchSpace, table: str, by: str) -> Owners:
    labels = snapshot.pinned.read(table, ["image_id", by])
    rows = pc.index_in(labels["image_id"], value_set=space.ids)
    coded = pc.dictionary_encode(labels[by].combine_chunks())
    known = pc.and_(rows.combine_chunks().is_valid(), coded.indices.is_valid())
    pa.default_memory_pool().release_unused()
    of = rows.combine_chunks().filter(known).to_numpy().astype(np.int64)
    codes = coded.indices.filter(known).to_numpy().astype(np.int64) + 1  # 0 is no name
    unnamed = np.setdiff1d(np.arange(len(space.ids)), of)
    of, codes = np.concatenate([of, unnamed]), np.concatenate([codes, np.zeros(len(unnamed), np.int64)])
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(len(space.ids) + 1))
    return Owners([None, *coded.dictionary.to_pylist()], codes[order], starts)
