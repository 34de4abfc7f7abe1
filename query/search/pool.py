"""Pools: which images of a space a question is asked of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import InvalidInputError
from ..cases import gallery_ids
from ..features import Pinned
from .condition import matching

POOLS = ("all", "gallery")


@dataclass(frozen=True)
class Pool:
    """Those images of a space that may be an answer.

    `mask`: (rows of the space,) which ones; `size` of them. `missing`: images of the pool without a vector.
    """

    mask: NDArray[np.bool_]
    size: int
    missing: int
    name: str
    where: str | None = None


def pool_ids(pinned: Pinned, name: str, where: str | None) -> pa.Array:
    """The distinct image ids of the pool `name`, narrowed by the condition `where`.

    Raises:
        InvalidInputError: no such pool, or a condition that fits neither images nor members.
        ConflictError: the gallery is empty.
    """
    if name not in POOLS:
        raise InvalidInputError(f"there is no pool {name!r}", hint=f"use {' or '.join(POOLS)}")
    ids = gallery_ids(pinned)
    if name == "all":
        exemplars = pinned.rows("models", ["exemplar_ids"])["exemplar_ids"].combine_chunks().flatten()
        ids = pc.unique(pa.concat_arrays([ids, exemplars.cast(ids.type)]))
    if where is None:
        return ids
    return ids.filter(pc.is_in(ids, value_set=matching(pinned, where)))


def make_pool(ids: pa.Array, known: pa.Array, name: str, where: str | None) -> Pool:
    """The pool of the images `ids`, distinct, in a space of the images `known`."""
    mask = np.asarray(pc.is_in(known, value_set=ids))
    pa.default_memory_pool().release_unused()  # what a million ids were hashed in
    size = int(np.count_nonzero(mask))
    mask.flags.writeable = False  # pools are shared between questions
    return Pool(mask, size, len(ids) - size, name, where)
