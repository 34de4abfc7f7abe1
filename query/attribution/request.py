"""What is asked: the questions, and how they are to be answered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...store.errors import InvalidInputError

POOLS = ("all", "gallery")
METHODS = ("auto", "index", "exact")
FIELDS = ("creator", "license", "category", "collection")
"""What influence can be summed by."""

LIMIT = 10_000

Question: TypeAlias = str | Path | bytes | NDArray[np.float32]
"""A stored sample's id or uri, an image file, its bytes, or a generated image's raw feature (dim,)."""


@dataclass(frozen=True)
class Request:
    """How questions are to be answered; the defaults are the command line's.

    Attributes:
        encoder: which features; the first one by name when left out.
        mapper: which mapper, or `none`; the newest one when left out, `none` where there is none.
        k: how many images (with `dedup`: groups of copies) to name, 1 or more.
        pool: `all` is the gallery and every exemplar, `gallery` the gallery alone.
        where: a condition over `images` and `members` that narrows the pool: `creator = 'x'`.
        by: also sum influence by creator, license, category or collection.
        dedup: images whose cosine is at least this are copies of one picture and share a place.
        method: `auto`, `index` or `exact` (compare with every image of the pool).
        limit: the most candidates that a search by index looks at.
        files: whether text may name a file of this machine. Never for strangers.
        details: whether the store is asked about the images that are named (uri, creator, ...).
    """

    encoder: str | None = None
    mapper: str | None = None
    k: int = 10
    pool: str = "all"
    where: str | None = None
    by: str | None = None
    dedup: float | None = None
    method: str = "auto"
    limit: int = LIMIT
    files: bool = True
    details: bool = True

    def check(self) -> None:
        """Raise InvalidInputError for values that nothing can be asked with."""
        _whole("k", self.k)
        _whole("limit", self.limit)
        _one_of("pool", self.pool, POOLS)
        _one_of("method", self.method, METHODS)
        if self.by is not None:
            check_field(self.by)
        dedup = self.dedup
        if dedup is not None and not (_is_number(dedup) and 0 < dedup <= 1):
            raise InvalidInputError(
                f"dedup is {dedup!r}", hint="give a cosine above 0, up to 1: 0.95 for near-duplicates"
            )


def check_field(by: str) -> None:
    """Raise InvalidInputError for what influence cannot be summed by."""
    if by not in FIELDS:
        raise InvalidInputError(f"influence cannot be summed by {by!r}", hint=f"use {', '.join(FIELDS)}")


def _whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{name} is {value!r}", hint="ask for 1 image or more")


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInputError(f"there is no {name} {value!r}", hint=f"use {' or '.join(known)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
