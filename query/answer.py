"""What `attribute` answers: ranked images, how much each contributed, and how complete that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..store.errors import InvalidInputError

if TYPE_CHECKING:
    from ..store import Store

DETAILS = ("uri", "creator", "license", "category", "caption")
FIELDS = ("creator", "license", "category", "collection")


@dataclass(frozen=True)
class Result:
    """One image, its place and its share; `influence` is None where nothing was calibrated."""

    image_id: str
    rank: int
    similarity: float
    influence: float | None
    uri: str | None = None
    creator: str | None = None
    license: str | None = None
    category: str | None = None
    caption: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class Answer:
    """The images of a pool that influenced one generated image, best first.

    `exact`: influence was summed over the whole pool. `remaining`: the influence of what is not listed.
    `candidates`: (image_id, influence) of every image of the pool that has any influence.
    """

    query: str
    encoder: str
    mapper: str
    pool: str
    pool_size: int
    exact: bool
    results: tuple[Result, ...]
    remaining: float | None
    tau: float | None = None
    lam: float | None = None
    notes: tuple[str, ...] = ()
    candidates: pa.Table | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """What JSON says: plain strings, numbers, lists and nulls."""
        return {
            "query": self.query,
            "encoder": self.encoder,
            "mapper": self.mapper,
            "pool": self.pool,
            "pool_size": self.pool_size,
            "exact": self.exact,
            "results": [result.to_dict() for result in self.results],
            "remaining": self.remaining,
            "tau": self.tau,
            "lambda": self.lam,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Share:
    """The influence of all images of the pool that have `name` in common; `images` of them have any."""

    name: str | None
    influence: float
    images: int


def influence_by(store: Store, answer: Answer, by: str = "creator") -> list[Share]:
    """Influence over the whole pool, summed by creator, license, category or collection; largest first.

    An image in several collections counts in each, so only the shares of collections can sum above 1.
    Empty where the answer has no influence because nothing was calibrated.

    Raises InvalidInputError for any other field.
    """
    if by not in FIELDS:
        raise InvalidInputError(f"influence cannot be summed by {by!r}", hint=f"use {', '.join(FIELDS)}")
    if answer.candidates is None:
        return []
    if by == "collection":
        labels = store.read("members", ["image_id", "collection"])
    else:
        labels = image_details(store, answer.candidates["image_id"].to_pylist(), [by])
    joined = answer.candidates.join(labels, "image_id", join_type="left outer")
    grouped = joined.group_by(by).aggregate([("influence", "sum"), ("image_id", "count")])
    shares = [Share(row[by], row["influence_sum"], row["image_id_count"]) for row in grouped.to_pylist()]
    return sorted(shares, key=lambda share: (-share.influence, share.name or ""))


def image_details(store: Store, ids: Sequence[str], columns: Sequence[str] = DETAILS) -> pa.Table:
    """`image_id` and the named columns of these images, in no order; ids that are not stored are left out."""
    names = ["image_id", *columns]
    wanted = pa.array(ids, pa.string())
    dataset = store.dataset("images")
    if len(ids) <= 1000:  # a filter of this size is cheap to send down; above, one pass is
        condition = pc.field("image_id").isin(wanted)
        return dataset.scanner(columns=names, filter=condition).to_table()
    table = dataset.scanner(columns=names).to_table()
    return table.filter(pc.is_in(table["image_id"], value_set=wanted))


def collect(
    ids: pa.Array, similarities: np.ndarray[Any, Any], influences: np.ndarray[Any, Any] | None, k: int
) -> list[Result]:
    """The first `k` of a pool by similarity, ties by image id, without their details."""
    names = np.asarray(ids.to_pylist())
    order = np.lexsort((names, -similarities))[:k]
    return [
        Result(
            image_id=str(names[index]),
            rank=place,
            similarity=float(similarities[index]),
            influence=None if influences is None else float(influences[index]),
        )
        for place, index in enumerate(order, start=1)
    ]
