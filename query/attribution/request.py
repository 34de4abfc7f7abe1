"""The questions that `attribute` answers, and the options of one request."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from ...store.errors import AttribaseError, InvalidInputError
from ..image_fields import METADATA_FIELD
from ..search import METHODS, POOLS
from ..time_travel import At  # at run time: annotations of a TypedDict are evaluated

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray
    from PIL import Image

OWNER_FIELDS = (
    "creator",
    "rights_holder",
    "license",
    "license_url",
    "reservation",
    "source",
    "category",
    "collection",
)
"""What influence can be summed by."""

DEFAULT_LIMIT = 10_000


@dataclass(frozen=True)
class NamedImage:
    """The bytes of an image file, and the name that its answer has: that of a file that was uploaded.

    `error`: why it is refused, if it is.
    """

    name: str
    data: bytes
    error: AttribaseError | None = None


Question: TypeAlias = "str | PathLike[str] | bytes | NamedImage | Image.Image | NDArray[Any]"
"""A stored sample's id or uri, an image file, its bytes (with a name, if any), a PIL image, an array of
pixels (height, width, 3), or a generated image's raw feature (dim,)."""


class RequestOptions(TypedDict, total=False):
    """The fields of `Request` as keyword arguments; tested to be the same."""

    encoder: str | None
    mapper: str | None
    k: int
    pool: str
    where: str | None
    by: str | None
    dedup: float | None
    fold: bool
    method: str
    limit: int
    files: bool
    details: bool
    alpha: float | None
    kind: str | None
    at: At


@dataclass(frozen=True)
class Request:
    """How questions are answered. Raises InvalidInputError for a value out of range.

    Attributes:
        encoder: which features; when left out those that measured best on val models (`choose_features`).
        mapper: which mapper, or `none`; when left out likewise.
        k: how many images (with `dedup` or `fold`: groups of copies) to list, 1 or more.
        pool: `all` is the gallery and every exemplar, `gallery` the gallery alone.
        where: a condition over `images` and `members` that narrows the pool: `creator = 'x'`.
        by: also sum influence by one of OWNER_FIELDS or `metadata.NAME`.
        dedup: images whose cosine is at least this are near-duplicates and share a place.
        fold: copies of one work, as `attribase cluster` found them, share a place.
        method: `exact` compares with every image of the pool, `index` searches the index; `auto` takes the
            index where there is one and the pool is broad.
        limit: the most images that a search through the index asks for.
        files: whether a question may name a file of this machine. False for untrusted clients.
        details: whether to read what the store knows of the listed images (uri, creator, ...).
        alpha: the level of "none of these" and of the set that holds the exemplars, above 0 and below 1.
        kind: the concept kind whose null scores are taken, or `all` for those of all kinds. Left out, that of
            a stored sample's model, and all for other questions.
        at: the store as it was: a tag, a moment (a datetime, or text in ISO format), the state that an answer
            names (`Answer.provenance.at`), or versions of tables; as it is now when left out.
    """

    encoder: str | None = None
    mapper: str | None = None
    k: int = 10
    pool: str = "all"
    where: str | None = None
    by: str | None = None
    dedup: float | None = None
    fold: bool = False
    method: str = "auto"
    limit: int = DEFAULT_LIMIT
    files: bool = True
    details: bool = True
    alpha: float | None = None
    kind: str | None = None
    at: At = None

    def __post_init__(self) -> None:
        _check_count("k", self.k)
        _check_count("limit", self.limit)
        _check_choice("pool", self.pool, POOLS)
        _check_choice("method", self.method, METHODS)
        if self.by is not None:
            check_owner_field(self.by)
        if self.dedup is not None and not (_is_number(self.dedup) and 0 < self.dedup <= 1):
            raise InvalidInputError(
                f"dedup is {self.dedup!r}", hint="give a cosine above 0, up to 1: 0.95 for near-duplicates"
            )
        if self.fold and self.dedup is not None:
            raise InvalidInputError(
                "copies share a place either by clusters or by a cosine", hint="give fold or dedup, not both"
            )
        if self.alpha is not None and not (_is_number(self.alpha) and 0 < self.alpha < 1):
            raise InvalidInputError(
                f"alpha is {self.alpha!r}", hint="give a level between 0 and 1, such as 0.1"
            )


def check_owner_field(by: str) -> None:
    """Raise InvalidInputError for what influence cannot be summed by."""
    field = by.removeprefix(METADATA_FIELD)
    if by not in OWNER_FIELDS and (field in (by, "") or {"'", '"'} <= set(field)):
        raise InvalidInputError(
            f"influence cannot be summed by {by!r}",
            hint=f"use {', '.join(OWNER_FIELDS)}, or {METADATA_FIELD}NAME for a field of the metadata",
        )


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{name} is {value!r}", hint="ask for 1 image or more")


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInputError(f"there is no {name} {value!r}", hint=f"use {' or '.join(known)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
