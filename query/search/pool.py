"""Pools: the images of a space that may be an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.check_items import pool_exemplars
from ...store.errors import InvalidInputError
from ...store.index_search import AllowedRows
from ..cache import SharedCache
from ..catalog import gallery_ids
from ..features import Pinned, is_among
from .condition import matching_image_ids
from .space_rows import SpaceRows

POOLS = ("all", "gallery")
POOLS_CACHED = 32


@dataclass(frozen=True)
class Pool:
    """Those images of a space that may be an answer.

    Attributes:
        mask: (rows of the space,) which ones.
        size: how many.
        missing: further images of the pool, which have no vector and cannot be compared.
        name: one of POOLS.
        where: the condition that narrows it.
        digest: `ids_digest` of its images that have a vector, where it is stored.
        allowed: its rows as a search of the index takes them, where they are stored.
    """

    mask: NDArray[np.bool_]
    size: int
    missing: int
    name: str
    where: str | None = None
    digest: str | None = None
    allowed: AllowedRows | None = None

    @property
    def total(self) -> int:
        """How many images are in the pool, with a vector or without."""
        return self.size + self.missing


class SpacePools:
    """The pools of a space, each made once. Thread-safe.

    Attributes:
        stored: those that were read from the store's file of pools, by name.
    """

    def __init__(self, pinned: Pinned, rows: SpaceRows, stored: Mapping[str, Pool]) -> None:
        self._pinned, self._rows, self.stored = pinned, rows, stored
        self._members: SharedCache[PoolMembers] = SharedCache(len(POOLS))
        self._pools: SharedCache[Pool] = SharedCache(POOLS_CACHED)

    def get(self, name: str, where: str | None = None) -> Pool:
        """A pool by name, narrowed by a condition. Raises as `SearchSpace.pool`."""
        stored = self.stored.get(name) if where is None else None
        return stored or self._pools.get((name, where), lambda: self.read(name, where))

    def read(self, name: str, where: str | None = None) -> Pool:
        """The same from the ids of all images."""
        ids = self._rows.ids
        members = self._members.get(name, lambda: read_members(self._pinned, ids, name))
        return make_pool(self._pinned, ids, members, name, where)


@dataclass(frozen=True)
class PoolMembers:
    """A pool by name: `mask` (rows of the space,), and the ids of its images that have no vector."""

    mask: NDArray[np.bool_]
    without_vector: pa.Array


def read_members(pinned: Pinned, space_ids: pa.Array, name: str) -> PoolMembers:
    """The members of the pool `name` in a space of these images.

    Raises InvalidInputError for another name, ConflictError for an empty gallery.
    """
    if name not in POOLS:
        raise InvalidInputError(f"there is no pool {name!r}", hint=f"use {' or '.join(POOLS)}")
    ids = gallery_ids(pinned)
    mask, extra = is_among(space_ids, ids), ids[:0]
    if name == "all":
        exemplars = pc.unique(pool_exemplars(pinned.read("models", ["exemplar_ids", "split"])).cast(ids.type))
        known = ids.filter(pc.is_in(ids, value_set=exemplars))  # hashes the exemplars, not a million images
        extra = exemplars.filter(pc.invert(pc.is_in(exemplars, value_set=known)))
        mask = mask | np.asarray(pc.is_in(space_ids, value_set=extra))
    if int(np.count_nonzero(mask)) == len(ids) + len(extra):
        return PoolMembers(mask, ids[:0])
    ids = pa.concat_arrays([ids, extra])
    return PoolMembers(mask, ids.filter(pc.invert(pc.is_in(ids, value_set=space_ids))))


def make_pool(
    pinned: Pinned, space_ids: pa.Array, members: PoolMembers, name: str, where: str | None
) -> Pool:
    """The pool of these members, narrowed by a condition. InvalidInputError for an invalid one."""
    mask, missing = members.mask, len(members.without_vector)
    if where is not None:
        ids = matching_image_ids(pinned, where)
        mask = mask & is_among(space_ids, ids)
        missing = int(np.count_nonzero(is_among(members.without_vector, ids)))
    mask.flags.writeable = False  # pools are shared between threads
    return Pool(mask, int(np.count_nonzero(mask)), missing, name, where)
