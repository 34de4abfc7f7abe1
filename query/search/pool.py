"""Pools: the images of a space that may be an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...store.index_search import AllowedRows
from ..cache import SharedCache
from ..features import Pinned, is_among
from .condition import matching_image_ids
from .pool_members import POOLS, PoolMembers, read_members
from .space_rows import SpaceRows

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
        return make_pool(self._pinned, self._rows, self.members(name), name, where)

    def members(self, name: str) -> PoolMembers:
        """The images of a pool by name. Raises as `read_members`."""
        return self._members.get(name, lambda: read_members(self._pinned, self._rows, name))


def make_pool(pinned: Pinned, rows: SpaceRows, members: PoolMembers, name: str, where: str | None) -> Pool:
    """The pool of these members, narrowed by a condition. InvalidInputError for an invalid one."""
    mask, missing = members.mask, len(members.without_vector)
    if where is not None:
        ids = matching_image_ids(pinned, where)
        mask = mask & is_among(rows.ids, ids)
        missing = int(np.count_nonzero(is_among(members.without_vector, ids)))
    mask.flags.writeable = False  # pools are shared between threads
    return Pool(mask, int(np.count_nonzero(mask)), missing, name, where)
