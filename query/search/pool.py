"""Pools: which images of a space a question is asked of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import InvalidInputError
from ..catalog import gallery_ids
from ..features import Pinned
from .condition import matching_image_ids

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


@dataclass(frozen=True)
class Base:
    """A pool by name: `mask` (rows of the space,), and the ids of its images that have no vector."""

    mask: NDArray[np.bool_]
    lost: pa.Array


def base_of(pinned: Pinned, known: pa.Array, name: str) -> Base:
    """The pool `name` in a space of the images `known`.

    Raises InvalidInputError for another name, ConflictError for an empty gallery.
    """
    if name not in POOLS:
        raise InvalidInputError(f"there is no pool {name!r}", hint=f"use {' or '.join(POOLS)}")
    ids = gallery_ids(pinned)
    if name == "all":
        exemplars = pinned.rows("models", ["exemplar_ids"])["exemplar_ids"].combine_chunks().flatten()
        if len(exemplars):
            ids = pc.unique(pa.concat_arrays([ids, exemplars.cast(ids.type)]))
    mask = among(known, ids)
    size = int(np.count_nonzero(mask))
    lost = ids.filter(pc.invert(pc.is_in(ids, value_set=known))) if size < len(ids) else ids[:0]
    return Base(mask, lost)


def make_pool(pinned: Pinned, known: pa.Array, base: Base, name: str, where: str | None) -> Pool:
    """The pool `name`, which is `base`, narrowed by a condition. InvalidInputError where that is none."""
    mask, missing = base.mask, len(base.lost)
    if where is not None:
        ids = matching_image_ids(pinned, where)
        mask = mask & among(known, ids)
        missing = int(np.count_nonzero(among(base.lost, ids)))
    mask.flags.writeable = False  # pools are shared between questions
    return Pool(mask, int(np.count_nonzero(mask)), missing, name, where)


def among(ids: pa.Array, some: pa.Array) -> NDArray[np.bool_]:
    """(ids,) whether each is one of `some`."""
    found = np.asarray(pc.is_in(ids, value_set=some))
    pa.default_memory_pool().release_unused()  # what a million ids were hashed in
    return found
