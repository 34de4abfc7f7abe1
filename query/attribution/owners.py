"""Influence per owner: summed by creator, license, category, collection or a field of the metadata."""

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
from .request import METADATA_FIELD, check_owner_field

if TYPE_CHECKING:
    from ...store import Store
    from ..search import SearchSpace
    from ..session import Snapshot


@dataclass(frozen=True)
class Owners:
    """The owners of the images of a space, by one field.

    Row r of the space has the owners `codes[starts[r]:starts[r + 1]]`, positions in `names`. Code 0 is the
    name None, of images without an owner.
    """

    names: list[str | None]
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]

    def shares(self, rows: NDArray[np.int64], influence: NDArray[np.float64]) -> tuple[OwnerShare, ...]:
        """Influence (n,) of distinct `rows` (n,) per owner, largest first."""
        counts = self.starts[rows + 1] - self.starts[rows]
        before = np.cumsum(counts) - counts
        positions = np.arange(int(counts.sum())) + np.repeat(self.starts[rows] - before, counts)
        codes, weights = self.codes[positions], np.repeat(influence, counts)
        sums = np.bincount(codes, weights, len(self.names))
        images = np.bincount(codes, minlength=len(self.names))
        found = [
            OwnerShare(self.names[code], float(sums[code]), int(images[code]))
            for code in np.flatnonzero(images)
        ]
        return tuple(sorted(found, key=lambda share: (-share.influence, share.name or "")))


def influence_by(store: Store, answer: Answer, by: str = "creator") -> list[OwnerShare]:  # noqa: ARG001
    """Influence over the whole pool, summed by creator, license, category, collection or `metadata.NAME`.

    Largest first.

    Names are those at the versions of the answer. An image in several collections counts in each, so only the
    shares of collections can sum above 1. Empty where nothing is calibrated.

    Raises InvalidInputError for any other field, ConflictError for an answer that has only its results.
    """
    check_owner_field(by)
    if answer.law is None or not answer.results or (answer.by == by and answer.shares):
        return list(answer.shares)
    vector = answer.influence_vector
    if vector is None:
        raise ConflictError(
            "the answer has no influence of images that it does not list",
            hint=f"ask with by={by!r}, or one question at a time",
        )
    return list(read_owners(vector.snapshot, vector.space, by).shares(vector.rows, vector.influence))


def read_owners(snapshot: Snapshot, space: SearchSpace, by: str) -> Owners:
    """The owners of the images of `space`, cached by table version."""
    table = "members" if by == "collection" else "images"
    encoder, mapper = space.encoder, space.mapper
    snapshot.register_warmup(
        ("owners", by, encoder, mapper), lambda new: read_owners(new, new.space(encoder, mapper), by)
    )
    return snapshot.cached(
        ("owners", by, encoder, mapper),
        lambda: _read(snapshot, space, table, by),
        vectors_table(encoder),
        table,
    )


def _read(snapshot: Snapshot, space: SearchSpace, table: str, by: str) -> Owners:
    column = "metadata" if by.startswith(METADATA_FIELD) else by
    labels = snapshot.pinned.read(table, ["image_id", column])
    found = pc.index_in(labels["image_id"], value_set=space.ids).combine_chunks()
    values = labels[column].combine_chunks()
    coded = pc.dictionary_encode(values if column == by else _metadata_field(values, by))
    known = pc.and_(found.is_valid(), coded.indices.is_valid())
    pa.default_memory_pool().release_unused()  # the hash table of a million ids
    rows = found.filter(known).to_numpy().astype(np.int64)
    codes = coded.indices.filter(known).to_numpy().astype(np.int64) + 1  # 0 is no name
    unnamed = np.setdiff1d(np.arange(len(space.ids)), rows)
    rows, codes = np.concatenate([rows, unnamed]), np.concatenate([codes, np.zeros(len(unnamed), np.int64)])
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(space.ids) + 1))
    return Owners([None, *coded.dictionary.to_pylist()], codes[order], starts)


def _metadata_field(texts: pa.StringArray, by: str) -> pa.StringArray:
    """(texts,) a field of JSON objects as text; null where there is none."""
    import polars as pl

    name = by.removeprefix(METADATA_FIELD)
    mark = "'" if '"' in name else '"'
    found = pl.Series(pl.from_arrow(texts)).str.json_path_match(f"$[{mark}{name}{mark}]")
    return found.to_arrow().cast(pa.string())
